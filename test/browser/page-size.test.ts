import { join } from "node:path";

import { pageFiles } from "../../src/gateway/dashboard/page-files";
import { ROOT } from "../support/source-files";

/** Of everything that the page loads before it shows something, as it is sent. */
const FIRST_PAINT_MAX_BYTES = 100_000;

describe("The files of the page", () => {
  const files = pageFiles(join(ROOT, "dist", "src", "dashboard", "assets"));

  it("are built, with names that say what is in them", () => {
    expect([...(files?.keys() ?? [])].map((name) => name.replace(/-[A-Z0-9]{8}\./, "-HASH.")).sort()).toEqual([
      "index.html",
      "main-HASH.css",
      "main-HASH.js",
    ]);
  });

  it(`are less than ${FIRST_PAINT_MAX_BYTES} bytes together, gzipped`, () => {
    const bytes = [...files!.values()].reduce((sum, { gzip }) => sum + gzip.length, 0);
    expect(bytes).toBeLessThan(FIRST_PAINT_MAX_BYTES);
  });

  it("name nothing outside of them", () => {
    const outside = [...files!.values()].flatMap(
      ({ bytes }) => bytes.toString().match(/(?:src|href)="https?:|url\(["']?https?:|@import|fetch\("http/g) ?? [],
    );
    expect(outside).toEqual([]);
  });
});
