import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";

/** Where Debian, Ubuntu, Fedora and Arch have it. */
const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** How to get one, for the message of who has none. */
export const CHROMIUM_REMEDY =
  "Install Chromium (Debian: apt-get install --no-install-recommends chromium), or name one with CHROMIUM_PATH.";

/** Path of the machine's Chromium; undefined when it has none. */
export function findChromium(): string | undefined {
  return [process.env["CHROMIUM_PATH"] ?? "", ...PATHS].find((path) => path !== "" && existsSync(path));
}

/** Whether `make test` could have installed it: then a missing one is a failure, not a reason to leave tests out. */
export function couldInstallChromium(): boolean {
  try {
    if (process.getuid?.() !== 0) return false;
    execFileSync("apt-get", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// As a person's first start, but without what it says to the outside.
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const REPORT_VIOLATIONS = `document.addEventListener("securitypolicyviolation", (event) =>
  console.error("security policy: " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile));`;

/** Chromium without a window, with a new and empty profile. */
export class Browser {
  readonly context: BrowserContext;
  /** What no page should do: errors, violations of its security policy, requests to elsewhere. */
  readonly complaints: string[] = [];
  readonly #folder: string;

  private constructor(context: BrowserContext, folder: string) {
    this.context = context;
    this.#folder = folder;
    context.on("weberror", (error) => this.complaints.push(`error: ${error.error().stack ?? error.error().message}`));
    context.on("console", (message) => {
      // Directors that are down on purpose are no mistake of the page.
      if (message.type() === "error" && !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|503|404/.test(message.text())) {
        this.complaints.push(`console: ${message.text()}`);
      }
    });
  }

  /** @throws Error where there is no Chromium */
  static async start(options: { readonly width?: number; readonly height?: number } = {}): Promise<Browser> {
    const executablePath = findChromium();
    if (executablePath === undefined) throw new Error(`there is no Chromium. ${CHROMIUM_REMEDY}`);
    const folder = await mkdtemp(join(tmpdir(), "heddle-chromium-"));
    const { width = 1440, height = 900 } = options;
    const context = await chromium.launchPersistentContext(folder, {
      executablePath,
      headless: true,
      viewport: { width, height },
      args: FLAGS,
    });
    const browser = new Browser(context, folder);
    await context.addInitScript(REPORT_VIOLATIONS);
    return browser;
  }

  newPage(): Promise<Page> {
    return this.context.newPage();
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
