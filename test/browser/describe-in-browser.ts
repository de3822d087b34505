import { CHROMIUM_REMEDY, couldInstallChromium, findChromium } from "../support/browser";

/**
 * Tests in a real browser. Where Chromium is missing they fail and say how to install it; on a machine without apt, where `make test` cannot
 * have installed it, they are skipped and say why.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  if (findChromium() !== undefined || couldInstallChromium()) {
    describe(name, tests);
    return;
  }
  // Without apt nothing here can install a browser.
  describe.skip(`${name} (skipped: there is no Chromium and no apt. ${CHROMIUM_REMEDY})`, tests);
}
