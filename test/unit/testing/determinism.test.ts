import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventfulRun } from "../../support/testing/eventful-run";

const run = promisify(execFile);
const PROGRAM = join(__dirname, "../../support/testing/print-eventful-run.ts");

describe("A run of a test cluster with every kind of fault", () => {
  it("is the same to the byte for the same seed, in this process and in another, and another one for another seed", async () => {
    const other = run(process.execPath, ["--import", "tsx", PROGRAM, "7"], { maxBuffer: 64 << 20 });
    const first = (await eventfulRun(7)).join("\n");
    const second = (await eventfulRun(7)).join("\n");
    const different = (await eventfulRun(8)).join("\n");
    const { stdout } = await other;
    expect(first.split("\n").length).toBeGreaterThan(500);
    expect(second === first).toBe(true);
    expect(stdout === first).toBe(true);
    expect(different === first).toBe(false);
  });
});
