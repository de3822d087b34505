/**
 * Plants one bug after another and lets the simulator look for it: proof that its invariants find what they are there for. Prints for each
 * which invariant found it, at which seed, after how many. Ends with 1 when one was not found.
 *
 * Run: make simulate-mutants [SEEDS=1000] [MUTANT=name]
 */
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "../test/simulator/mutants";
import { PROCESSES, runSeeds } from "../test/simulator/seed-processes";

interface Caught {
  readonly mutant: Mutant;
  readonly by: string;
  readonly seed: number;
  readonly seeds: number;
}

/** Looks for one bug until it is found. */
async function hunt(mutant: Mutant, seeds: number): Promise<Caught | undefined> {
  let caught: Caught | undefined;
  let count = 0;
  await runSeeds(["--mutant", mutant.name, "--seeds", `${seeds}`], ({ seed, violations }) => {
    count += 1;
    const [violation] = violations;
    if (!violation) return true;
    caught = { mutant, by: violation.invariant, seed, seeds: count };
    return false;
  });
  return caught;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seeds: { type: "string", default: "1000" }, mutant: { type: "string" } },
  });
  const planted = MUTANTS.filter(({ name }) => values.mutant === undefined || name === values.mutant);
  const waiting = [...planted];
  let caught = 0;
  const huntOn = async () => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const found = await hunt(mutant, Number(values.seeds));
      if (found) caught += 1;
      const how = found ? `${found.by} at seed ${found.seed}, after ${found.seeds}` : "NOT CAUGHT";
      console.log(`${mutant.name.padEnd(32)} ${how.padEnd(60)} ${mutant.bug}`);
    }
  };
  await Promise.all(Array.from({ length: PROCESSES }, huntOn));
  console.log(JSON.stringify({ mutants: { planted: planted.length, caught } }));
  process.exitCode = caught === planted.length ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
