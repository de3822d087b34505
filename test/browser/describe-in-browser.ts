import { CHROMIUM_REMEDY, couldInstallChromium, findChromium } from "../support/browser";

/**
 * Tests in a real browser. Where Chromium is missing they fail and say how to install it; where `make test` cannot have installed it, which takes apt and
 * root, they are skipped and say why.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  if (findChromium() !== undefined || couldInstallChromium()) {
    describe(name, tests);
    return;
  }
  // Nothing can be done about it there, and the rest of the tests is worth running.
  describe.skip(
    `${name} (skipped: there is no Chromium, and no apt or no root to install it. ${CHROMIUM_REMEDY})`,
    tests,
  );
}
