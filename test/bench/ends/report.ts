import { estimate, estimateRatio, inBrackets, median, sameAgain, type Estimate } from "../measure/statistics";
import type { Block } from "./contestant";
import { HEADLINE, WITH_METADATA, type EndsRow } from "./rows";
import type { Section } from "./sections";

export interface Result {
  readonly section: Section;
  readonly row: EndsRow;
  /** By contestant: one for each round. */
  readonly blocks: ReadonlyMap<string, readonly Block[]>;
  readonly failures: readonly string[];
}

/** What the project wants of unary calls: CPU of the first relative to the second's. */
const AIMS: readonly { section: Section; ours: string; theirs: string; ratioMax: number }[] = [
  { section: "server", ours: "engine", theirs: "grpc-js", ratioMax: 0.25 },
  { section: "server", ours: "engine", theirs: "grpc-go", ratioMax: 1.5 },
  { section: "client", ours: "engine", theirs: "grpc-js", ratioMax: 0.15 },
  { section: "wholeCall", ours: "engine-director", theirs: "grpc-js-direct", ratioMax: 0.4 },
];

/** The first contestant of each section is what the others are compared with. */
const OURS: Readonly<Record<Section, string>> = { server: "engine", client: "engine", wholeCall: "engine-director" };

const TITLES: Readonly<Record<Section, string>> = {
  server: "servers",
  client: "clients before one server of the engine",
  wholeCall: "whole calls: all processes together",
};

const good = (blocks: readonly Block[] = []) => blocks.filter(({ failure }) => failure === "");
const cpuOf = (blocks: readonly Block[] | undefined) => good(blocks).map(({ cpuUsPerCall }) => cpuUsPerCall);

function cpuRatio({ blocks }: Result, ours: string, theirs: string): Estimate | undefined {
  const pairs = (blocks.get(ours) ?? [])
    .map((block, round) => [block, blocks.get(theirs)?.[round]] as const)
    .filter((pair): pair is readonly [Block, Block] => pair[1] !== undefined && good([pair[0], pair[1]]).length === 2)
    .map(([our, their]) => [our.cpuUsPerCall, their.cpuUsPerCall] as const);
  return pairs.length === 0 ? undefined : estimateRatio(pairs);
}

function line(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(18) + cells.map((cell, index) => cell.padStart(index < 2 ? 23 : 10)).join(""));
}

export function printRow(result: Result): void {
  const { section, row, blocks } = result;
  const ours = OURS[section];
  const rounds = Math.min(...[...blocks.values()].map(({ length }) => length));
  console.log(`\n${TITLES[section]}; ${row.name}: ${row.title}; ${rounds} rounds`);
  line("", ["CPU µs per call", `${ours} ÷ it`, "calls/s", "p50 ms", "p99 ms", "A/A"]);
  for (const [name, all] of blocks) {
    const figures = good(all);
    const wall = (figure: "callsPerSecond" | "p50Us" | "p99Us") => median(figures.map((block) => block[figure]));
    const ratio = name === ours ? undefined : cpuRatio(result, ours, name);
    line(name, [
      inBrackets(estimate(cpuOf(all))),
      ratio ? inBrackets(ratio) : "",
      wall("callsPerSecond").toFixed(0),
      (wall("p50Us") / 1_000).toFixed(2),
      (wall("p99Us") / 1_000).toFixed(2),
      sameAgain(cpuOf(all)).toFixed(2),
    ]);
    const roles = Object.keys(all[0]?.cpuUs ?? {});
    if (roles.length === 1) continue;
    const parts = roles.map((role) => `${role} ${median(figures.map(({ cpuUs }) => cpuUs[role]!)).toFixed(1)}`);
    console.log(`${"".padEnd(18)}  = ${parts.join(" + ")}`);
  }
}

/** An aim is reached only if the bad end of the interval is within it. */
export function printAims(results: readonly Result[]): void {
  for (const rowName of [HEADLINE, WITH_METADATA]) {
    console.log(`\naims, CPU at ${rowName}`);
    for (const { section, ours, theirs, ratioMax } of AIMS) {
      const result = results.find((each) => each.section === section && each.row.name === rowName);
      const ratio = result && cpuRatio(result, ours, theirs);
      const verdict = ratio && `${inBrackets(ratio)}: ${ratio.high <= ratioMax ? "reached" : "not reached"}`;
      console.log(`  ${section}: ${ours} <= ${ratioMax} × ${theirs}`.padEnd(58) + (verdict ?? "not measured"));
    }
  }
}

/** CPU µs per call of the row that counts, by contestant. */
export function cpuFigures(results: readonly Result[], section: Section): Record<string, number> {
  const result = results.find((each) => each.section === section && each.row.name === HEADLINE);
  const rounded = [...(result?.blocks ?? [])].map(([name, blocks]) => [
    name,
    Math.round(100 * median(cpuOf(blocks))) / 100,
  ]);
  return Object.fromEntries(rounded) as Record<string, number>;
}
