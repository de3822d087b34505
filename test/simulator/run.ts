/**
 * Runs scenarios and prints what came of each as a line of JSON. A process of its own, so that several can share the work, and so that a
 * bug can be planted in it.
 *
 * Run: node dist/test/simulator/run.js --first 1 --seeds 100 [--stride 2] [--mutant name] [--until-caught]
 *      node dist/test/simulator/run.js --scenario file.json [--history file]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants";
import type * as planting from "./plant";
import type * as generator from "./generate-scenario";
import type { Scenario } from "./scenario";
import type * as simulator from "./simulation";

/** What is said of one seed. */
export type Line = { readonly seed: number } & Omit<simulator.Outcome, "history">;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      first: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      stride: { type: "string", default: "1" },
      scenario: { type: "string" },
      history: { type: "string" },
      mutant: { type: "string" },
      "until-caught": { type: "boolean", default: false },
    },
  });
  if (values.mutant !== undefined) {
    const mutant = MUTANTS.find(({ name }) => name === values.mutant);
    if (!mutant) throw new Error(`there is no mutant "${values.mutant}": ${MUTANTS.map(({ name }) => name).join()}`);
    const { plant } = require("./plant") as typeof planting; // with the compiler, which takes its time to load
    plant(mutant);
  }
  // Not before the bug is planted.
  const { simulate } = require("./simulation") as typeof simulator;
  const { generateScenario } = require("./generate-scenario") as typeof generator;
  const run = async (scenario: Scenario) => {
    const { history, ...outcome } = await simulate(scenario);
    if (values.history !== undefined) writeFileSync(values.history, `${history.join("\n")}\n`);
    const line: Line = { seed: scenario.seed, ...outcome };
    console.log(JSON.stringify(line));
    return outcome.violations.length > 0;
  };
  if (values.scenario !== undefined) {
    await run((JSON.parse(readFileSync(values.scenario, "utf8")) as { scenario: Scenario }).scenario);
    return;
  }
  const stride = Number(values.stride);
  for (let index = 0; index < Number(values.seeds); index += 1) {
    const isCaught = await run(generateScenario(Number(values.first) + index * stride));
    if (isCaught && values["until-caught"]) return;
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
