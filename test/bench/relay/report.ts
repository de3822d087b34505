import { CONTESTANTS, DIRECT, HEDDLE } from "./contestants";
import type { Block, Row } from "./load";
import { estimate, estimateRatio, inBrackets, median, sameAgain, type Estimate } from "../measure/statistics";

export interface Result {
  readonly row: Row;
  /** By contestant: one for each round. A contestant that is absent is not in it. */
  readonly blocks: ReadonlyMap<string, readonly Block[]>;
  readonly failures: readonly string[];
}

/** What the project wants: CPU of our director relative to another proxy's. */
const CPU_AIMS = [
  { row: "4x16", against: "nginx", ratioMax: 0.5 },
  { row: "4x16", against: "haproxy", ratioMax: 2 },
  { row: "4x16", against: "grpc-js", ratioMax: 0.12 },
  { row: "64x1", against: "nginx", ratioMax: 0.7 },
  { row: "64x1", against: "haproxy", ratioMax: 1 },
] as const;

/** And the latency it may add, relative to what nginx adds. */
const LATENCY_AIM = { row: "1x1", against: "nginx", ratioMax: 1.25 } as const;

function line(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(12) + cells.map((cell, index) => cell.padStart(index < 2 ? 24 : 11)).join(""));
}

const good = (blocks: readonly Block[]) => blocks.filter(({ failure }) => failure === "");
const cpuOf = (blocks: readonly Block[]) => good(blocks).map(({ cpuUsPerCall }) => cpuUsPerCall);

/** CPU of our director relative to another's, round by round. */
function cpuRatio({ blocks }: Result, against: string): Estimate | undefined {
  const ours = blocks.get(HEDDLE) ?? [];
  const theirs = blocks.get(against) ?? [];
  const pairs = ours
    .map((block, round) => [block, theirs[round]] as const)
    .filter((pair): pair is readonly [Block, Block] => pair[1] !== undefined && good([pair[0], pair[1]]).length === 2)
    .map(([our, their]) => [our.cpuUsPerCall, their.cpuUsPerCall] as const);
  return pairs.length === 0 ? undefined : estimateRatio(pairs);
}

export function printRow(result: Result): void {
  const { connections, streams, name, title } = result.row;
  const stolen = [...result.blocks.values()].flat().map(({ stolenRatio }) => stolenRatio);
  console.log(
    `\n${name}: ${connections} connections × ${streams} streams, ${title}; ${result.blocks.get(HEDDLE)?.length ?? 0} rounds, up to ${(100 * Math.max(...stolen)).toFixed(0)} % of a block stolen`,
  );
  line("", ["CPU µs per call", "heddle ÷ it", "calls/s", "p50 ms", "p99 ms", "A/A"]);
  for (const { name: contestant } of CONTESTANTS) {
    const blocks = result.blocks.get(contestant);
    if (!blocks) {
      if (contestant !== DIRECT) line(contestant, ["absent"]);
      continue;
    }
    const wall = (figure: "callsPerSecond" | "p50Us" | "p99Us") => median(good(blocks).map((block) => block[figure]));
    const ratio = contestant === HEDDLE || contestant === DIRECT ? undefined : cpuRatio(result, contestant);
    line(contestant, [
      contestant === DIRECT ? "-" : inBrackets(estimate(cpuOf(blocks))),
      ratio ? inBrackets(ratio) : "",
      wall("callsPerSecond").toFixed(0),
      (wall("p50Us") / 1_000).toFixed(2),
      (wall("p99Us") / 1_000).toFixed(2),
      contestant === DIRECT ? "" : sameAgain(cpuOf(blocks)).toFixed(2),
    ]);
  }
}

function verdict(found: Estimate | undefined, ratioMax: number): string {
  if (!found) return "not measured";
  return `${inBrackets(found)}: ${found.high <= ratioMax ? "reached" : "not reached"}`;
}

/** An aim is reached only if the bad end of the interval is within it. */
export function printAims(results: readonly Result[]): void {
  const ofRow = (name: string) => results.find(({ row }) => row.name === name);
  console.log("\naims of the director");
  for (const { row, against, ratioMax } of CPU_AIMS) {
    const result = ofRow(row);
    console.log(
      `  CPU at ${row} <= ${ratioMax} × ${against}`.padEnd(50) + verdict(result && cpuRatio(result, against), ratioMax),
    );
  }
  const { row, against, ratioMax } = LATENCY_AIM;
  const result = ofRow(row);
  console.log(
    `  added latency at ${row} <= ${ratioMax} × ${against}'s`.padEnd(50) +
      verdict(result && addedLatencyRatio(result, against), ratioMax),
  );
}

function addedLatencyRatio({ blocks }: Result, against: string): Estimate | undefined {
  const p50 = (name: string) => good(blocks.get(name) ?? []).map(({ p50Us }) => p50Us);
  const [ours, theirs, direct] = [p50(HEDDLE), p50(against), p50(DIRECT)];
  const pairs = ours
    .map((our, round) => [our - direct[round]!, theirs[round]! - direct[round]!] as const)
    .filter(([our, their]) => our > 0 && their > 0);
  return pairs.length === 0 ? undefined : estimateRatio(pairs);
}

/** Medians by contestant, null for those that are absent: the figures of the last line. */
export function cpuFigures({ blocks }: Result): Record<string, number | null> {
  return Object.fromEntries(
    CONTESTANTS.filter(({ name }) => name !== DIRECT).map(({ name }) => {
      const figure = median(cpuOf(blocks.get(name) ?? []));
      return [name, Number.isFinite(figure) ? Math.round(100 * figure) / 100 : null];
    }),
  );
}
