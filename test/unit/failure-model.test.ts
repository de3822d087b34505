import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/source-files";

/** `file`: "name", and further names of the same file after a semicolon. */
const PROOF = /`(test\/[\w/.-]+\.test\.ts)`((?::|;) "[^"]+")+/g;

const document = readFileSync(join(ROOT, "docs/failure-model.md"), "utf8");

const proofs = [...document.matchAll(PROOF)].flatMap(([text, path]) =>
  [...text.matchAll(/"([^"]+)"/g)].map(([, name]) => [path!, name!] as const),
);

describe("docs/failure-model.md", () => {
  it("names a test, or make chaos, for each promise", () => {
    const rows = document.split("\n").filter((line) => /^\| (?!fault|---)/.test(line));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => !/`test\/[^`]+`: "|`make chaos`/.test(row))).toEqual([]);
  });

  it.each(proofs)("%s has the test: %s", (path, name) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
    expect(readFileSync(join(ROOT, path), "utf8")).toContain(`"${name}"`);
  });
});
