/**
 * Simulates whole clusters on bad days, one for each seed, and checks all the while what must always be so (docs/simulator.md).
 * Ends with 1 when something was not; each violation comes with the command that replays it.
 *
 * Run: make simulate [SEEDS=1000] [FIRST=1] [SEED=n] [SCENARIO=test/simulator/track-record/name.json]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Line } from "../test/simulator/run";
import { REPOSITORY } from "../test/simulator/repository";
import { PROCESSES, runSeeds } from "../test/simulator/seed-processes";

const TELL_EVERY_MS = 10_000;
const HISTORY = join(REPOSITORY, ".cache/simulate-history.log");

class Tally {
  seeds = 0;
  virtualMs = 0;
  calls = 0;
  callsOk = 0;
  violations = 0;
  readonly faults: Record<string, number> = {};

  add({ virtualMs, calls, callsOk, faults, violations }: Line): void {
    this.seeds += 1;
    this.virtualMs += virtualMs;
    this.calls += calls;
    this.callsOk += callsOk;
    this.violations += violations.length;
    for (const [kind, count] of Object.entries(faults)) this.faults[kind] = (this.faults[kind] ?? 0) + count;
  }

  get line(): string {
    const hours = (this.virtualMs / 3_600_000).toFixed(1);
    return `${this.seeds} seeds, ${hours} h of virtual time, ${this.calls} calls (${this.callsOk} ok)`;
  }
}

function tell({ seed, violations, lastEvents }: Line, replay: string): void {
  console.log(`\nseed ${seed} violates:`);
  for (const { invariant, atMs, what } of violations) console.log(`  ${invariant} at ${atMs} ms: ${what}`);
  console.log("the last events before the first of them:");
  for (const event of lastEvents) console.log(`  ${event}`);
  console.log(`replay: ${replay}\n`);
}

async function one(options: readonly string[], replay: string): Promise<boolean> {
  let isGood = true;
  await runSeeds([...options, "--history", HISTORY], (line) => {
    isGood = line.violations.length === 0;
    if (!isGood) tell(line, replay);
    console.log(
      `simulate: seed ${line.seed}: ${line.calls} calls, history ${line.historyHash.slice(0, 16)} in ${HISTORY}`,
    );
    return true;
  });
  return isGood;
}

async function many(first: number, seeds: number): Promise<boolean> {
  const tally = new Tally();
  let toldMs = Date.now();
  const told = (line: Line) => {
    tally.add(line);
    if (line.violations.length > 0) tell(line, `make simulate SEED=${line.seed}`);
    if (Date.now() - toldMs > TELL_EVERY_MS) {
      toldMs = Date.now();
      console.log(`simulate: ${tally.line} …`);
    }
    return true;
  };
  const parts = Array.from({ length: PROCESSES }, (_, part) =>
    runSeeds(
      ["--first", `${first + part}`, "--stride", `${PROCESSES}`, "--seeds", `${Math.ceil((seeds - part) / PROCESSES)}`],
      told,
    ),
  );
  await Promise.all(parts);
  console.log(`simulate: ${tally.line}`);
  console.log(
    `faults: ${Object.entries(tally.faults)
      .sort()
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ")}`,
  );
  const { virtualMs, calls, callsOk, violations } = tally;
  const virtualSeconds = Math.round(virtualMs / 1_000);
  console.log(JSON.stringify({ simulate: { seeds: tally.seeds, virtualSeconds, calls, callsOk, violations } }));
  return violations === 0;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      first: { type: "string", default: "1" },
      seed: { type: "string" },
      scenario: { type: "string" },
    },
  });
  let isGood: boolean;
  if (values.scenario !== undefined) {
    isGood = await one(["--scenario", values.scenario], `make simulate SCENARIO=${values.scenario}`);
  } else if (values.seed !== undefined) {
    isGood = await one(["--first", values.seed], `make simulate SEED=${values.seed}`);
  } else {
    isGood = await many(Number(values.first), Number(values.seeds));
  }
  process.exitCode = isGood ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
