import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateScenario } from "./generate-scenario";
import type { Scenario } from "./scenario";
import { simulate, type Outcome } from "./simulation";

const TRACK_RECORD = join(__dirname, "track-record");

function told({ violations, lastEvents }: Outcome): string[] {
  const lines = violations.map(({ invariant, atMs, what }) => `${invariant} at ${atMs} ms: ${what}`);
  return lines.length > 0 ? [...lines, ...lastEvents] : [];
}

describe("The simulator", () => {
  it.each(Array.from({ length: 25 }, (_, index) => index + 1))(
    "finds that all is as it must be, whatever fails (seed %i)",
    async (seed) => {
      expect(told(await simulate(generateScenario(seed)))).toEqual([]);
    },
  );

  it("makes the same scenario of the same seed, and others of others", () => {
    expect(generateScenario(7)).toEqual(generateScenario(7));
    expect(generateScenario(8).steps).not.toEqual(generateScenario(7).steps);
  });
});

describe("What the simulator once found", () => {
  const kept = readdirSync(TRACK_RECORD)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(TRACK_RECORD, file), "utf8")) as { bug: string; scenario: Scenario });

  it.each(kept)("is not so any more: $bug", async ({ scenario }) => {
    expect(told(await simulate(scenario))).toEqual([]);
  });
});
