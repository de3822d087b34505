import { InteropReport } from "../../../scripts/conformance/interop-report";
import type { InteropRun } from "../../../scripts/conformance/interop-run";

const run = (testCase: string, failure?: string, path: InteropRun["path"] = "director"): InteropRun => ({
  client: "grpc-go",
  server: "heddle",
  path,
  transport: "tls",
  testCase,
  failure,
});
const LISTED = [{ server: "heddle", testCase: "ping_pong", why: "it has no ball" }] as const;

describe("InteropReport", () => {
  it.each([
    ["everything passes", [run("empty_unary")], true],
    ["a case fails", [run("empty_unary"), run("large_unary", "too small")], false],
    ["a listed case fails, straight too", [run("ping_pong", "no", "direct"), run("ping_pong", "no answer")], true],
    [
      "a listed case fails through the director alone",
      [run("ping_pong", undefined, "direct"), run("ping_pong", "no")],
      false,
    ],
    ["a listed case passes, so that its entry is out of date", [run("ping_pong")], false],
  ])("when %s", (_when, runs, isGood) => {
    expect(new InteropReport(runs, LISTED).isGood).toBe(isGood);
  });

  it("says the reason of what is listed, and the whole of what is not", () => {
    const straight = run("ping_pong", "no answer", "direct");
    const report = new InteropReport(
      [straight, run("ping_pong", "no answer"), run("large_unary", "too small")],
      LISTED,
    );
    expect(report.details).toContain("known: it has no ball");
    expect(report.details).toContain("too small");
    expect(report.details).not.toContain("no answer");
  });

  it("counts for programs", () => {
    const runs = [run("a"), run("ping_pong", "no answer", "direct"), run("b", "wrong")];
    const report = new InteropReport(runs, LISTED);
    expect(JSON.parse(report.json)).toEqual({
      interop: {
        runs: 3,
        passed: 1,
        known: 1,
        unexpected: 1,
        lanes: { "grpc-go>heddle director tls": [1, 2], "grpc-go>heddle direct tls": [0, 1] },
      },
    });
  });
});
