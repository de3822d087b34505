import { failureOf, goodputRatio, mebibytes, type Outcome } from "./strike";
import { TARGET_NAMES, type TargetName } from "./targets";

export type Outcomes = ReadonlyMap<string, ReadonlyMap<TargetName, Outcome>>;

const NAME_WIDTH = 34;

/** The answers that an attacker saw most. */
function answers({ seen }: Outcome): string {
  const most = Object.entries(seen.answers)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3);
  return most.map(([answer, count]) => `${count} × ${answer}`).join(", ");
}

/** One attack on one target, as soon as it is over. */
export function printOutcome(outcome: Outcome, note = ""): void {
  const { before, during, after, seen } = outcome;
  const failure = failureOf(outcome);
  const figures = [
    `goodput ${goodputRatio(outcome).toFixed(2)} (idle ${before.ratio.toFixed(2)}, then ${after.ratio.toFixed(2)})`,
    `p99 ${during.p99Ms.toFixed(0)} ms (idle ${before.p99Ms.toFixed(0)})`,
    `CPU ${(100 * outcome.cpuRatio).toFixed(0)} %, waited ${(100 * outcome.waitedRatio).toFixed(0)} %`,
    `memory +${mebibytes(outcome.growthBytes)} MiB, kept ${mebibytes(outcome.keptBytes)}`,
    `${seen.connections} connections, ${seen.ended} ended, ${mebibytes(seen.sentBytes)} MiB sent`,
  ];
  console.log(`${outcome.attack.padEnd(NAME_WIDTH)} ${failure === "" ? "ok  " : "FAIL"} ${figures.join("; ")}${note}`);
  const said = answers(outcome);
  if (said !== "") console.log(`${"".padEnd(NAME_WIDTH)}      answers: ${said}`);
  if (failure !== "") console.log(`${"".padEnd(NAME_WIDTH)}      ${failure}`);
  const { failures } = during;
  if (failures.length > 0)
    console.log(`${"".padEnd(NAME_WIDTH)}      innocents got: ${failures.slice(0, 3).join(" | ")}`);
}

function cell(outcome: Outcome | undefined): string {
  if (outcome === undefined) return "absent";
  const failure = failureOf(outcome);
  return `${goodputRatio(outcome).toFixed(2)} +${mebibytes(outcome.growthBytes)}M ${failure === "" ? "ok" : outcome.crashed ? "CRASHED" : "FAIL"}`;
}

/** Every attack beside every target: goodput, growth, verdict. */
export function printTable(outcomes: Outcomes): void {
  console.log(`\n${"attack".padEnd(NAME_WIDTH)}${TARGET_NAMES.map((name) => name.padEnd(20)).join("")}`);
  for (const [attack, byTarget] of outcomes) {
    console.log(attack.padEnd(NAME_WIDTH) + TARGET_NAMES.map((name) => cell(byTarget.get(name)).padEnd(20)).join(""));
  }
}

/** The figures of the last line. */
export function figures(outcomes: Outcomes): Record<string, Record<string, unknown>> {
  const two = (value: number) => Math.round(100 * value) / 100;
  return Object.fromEntries(
    [...outcomes].map(([attack, byTarget]) => [
      attack,
      Object.fromEntries(
        TARGET_NAMES.map((name) => {
          const outcome = byTarget.get(name);
          if (outcome === undefined) return [name, null];
          const growthMiB = two(outcome.growthBytes / 1_048_576);
          return [name, { goodput: two(goodputRatio(outcome)), growthMiB, crashed: outcome.crashed }];
        }),
      ),
    ]),
  );
}
