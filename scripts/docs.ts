/**
 * Prints docs/configuration.md from the settings tables, docs/errors.md from the error table, docs/metrics.md from the table of metrics,
 * docs/cli.md from the commands and what they print of a sample cluster, and the tables of docs/data-path.md from the limits of the data path. With --check it changes nothing and fails when they differ from what it would print.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SETTINGS_TABLES } from "../src/config/roles";
import { cliPage } from "./cli-page";
import { dataPathTables } from "./data-path-tables";
import { configurationPage, errorsPage, metricsPage } from "./doc-pages";

const DATA_PATH_PAGE = "docs/data-path.md";

const root = process.cwd();
const isCheck = process.argv.includes("--check");

void printPages();

async function printPages(): Promise<void> {
  const PAGES = {
    "docs/configuration.md": configurationPage(SETTINGS_TABLES),
    "docs/errors.md": errorsPage(),
    "docs/metrics.md": metricsPage(),
    "docs/cli.md": await cliPage(),
    [DATA_PATH_PAGE]: withTables(readOrEmpty(join(root, DATA_PATH_PAGE)), dataPathTables()),
  };

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
}

/** The page with each table between its marks; the rest of it is written by hand. */
function withTables(page: string, tables: Readonly<Record<string, string>>): string {
  return Object.entries(tables).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- ${name}: printed by \`make fix-docs\` -->`, `<!-- end of ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to < from)
      throw new Error(`${DATA_PATH_PAGE} has no place for the table "${name}": ${begin} … ${end}`);
    return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`;
  }, page);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
