/**
 * Keeps the scenario of a seed that found a bug in the track record, where a test runs it from now on.
 *
 * Run: tsx test/simulator/keep.ts --seed 2 --name written-over --bug "what the bug was"
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generateScenario } from "./generate-scenario";

const { values } = parseArgs({
  options: { seed: { type: "string" }, name: { type: "string" }, bug: { type: "string" } },
});
const { seed, name, bug } = values;
if (seed === undefined || name === undefined || bug === undefined) throw new Error("give --seed, --name and --bug");
const file = join(__dirname, "track-record", `${name}.json`);
writeFileSync(file, `${JSON.stringify({ bug, scenario: generateScenario(Number(seed)) })}\n`);
