/**
 * Prints docs/configuration.md from the settings tables and docs/errors.md from the error table. With --check it changes
 * nothing and fails when they differ from what it would print.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SETTINGS_TABLES } from "../src/config/roles";
import { configurationPage, errorsPage } from "./doc-pages";

const PAGES = { "docs/configuration.md": configurationPage(SETTINGS_TABLES), "docs/errors.md": errorsPage() };

const root = process.cwd();
const isCheck = process.argv.includes("--check");
const stale = Object.entries(PAGES).filter(([file, page]) => readOrEmpty(join(root, file)) !== page);

for (const [file, page] of stale) {
  if (isCheck) {
    console.error(`${file} does not say what the code does. Run: make fix-docs`);
  } else {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), page);
    console.log(`wrote ${file}`);
  }
}
if (isCheck && stale.length > 0) process.exitCode = 1;

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
