import { PATHS, type InteropRun, type Lane } from "./interop-run";
import { KNOWN_FAILURES, reasonFor, type KnownFailure } from "./known-failures";

/** What of the runs is as it should be: passed, or failed for a reason that is written down. */
export class InteropReport {
  readonly #runs: readonly InteropRun[];
  readonly #known: readonly KnownFailure[];

  constructor(runs: readonly InteropRun[], known: readonly KnownFailure[] = KNOWN_FAILURES) {
    this.#runs = runs;
    this.#known = known;
  }

  /** Nothing failed without a reason, and no reason is out of date. */
  get isGood(): boolean {
    return this.#runs.every((run) => this.#isExpected(run));
  }

  /** A line for each lane: passed of all, and what did not. */
  get table(): string {
    const rows = [...this.#byLane()].map(([lane, runs]) => {
      const passed = runs.filter(({ failure }) => failure === undefined).length;
      const remarks = runs.flatMap((run) => this.#remarkOf(run) ?? []);
      return `${lane}  ${`${passed}/${runs.length}`.padStart(7)}  ${remarks.join(", ")}`.trimEnd();
    });
    return [`${laneText(HEADINGS)}   passed`, ...rows].join("\n");
  }

  /** A line for each case: in how many of its lanes it passed, straight and through the director. */
  get cases(): string {
    const names = new Map<string, InteropRun[]>();
    for (const run of this.#runs) {
      const name = run.client === "grpcurl" ? `grpcurl ${run.testCase}` : run.testCase;
      names.set(name, [...(names.get(name) ?? []), run]);
    }
    const passedOf = (runs: readonly InteropRun[], path: Lane["path"]) => {
      const those = runs.filter((run) => run.path === path);
      return those.length === 0
        ? "–"
        : `${those.filter(({ failure }) => failure === undefined).length}/${those.length}`;
    };
    const rows = [...names].map(([name, runs]) => {
      const counts = PATHS.map((path) => passedOf(runs, path).padStart(9)).join(" ");
      const verdict = runs.every((run) => this.#isExpected(run)) ? "" : "  FAILS";
      return `${name.padEnd(40)} ${counts}${verdict}`;
    });
    return [`${"case".padEnd(40)} ${PATHS.map((path) => path.padStart(9)).join(" ")}`, ...rows].join("\n");
  }

  /** Every reason that applied, and everything that went wrong without one, in full. */
  get details(): string {
    const reasons = new Set(this.#runs.flatMap((run) => (run.failure === undefined ? [] : (this.#reason(run) ?? []))));
    const surprises = this.#runs
      .filter((run) => !this.#isExpected(run))
      .map(
        (run) => `${laneText(run)}  ${run.testCase}\n${run.failure ?? `passes, but is listed: ${this.#reason(run)}`}`,
      );
    return [...[...reasons].map((reason) => `known: ${reason}`), ...surprises].join("\n\n");
  }

  /** One line for programs. */
  get json(): string {
    const count = (wanted: (run: InteropRun) => boolean) => this.#runs.filter(wanted).length;
    const known = (run: InteropRun) => run.failure !== undefined && this.#isExpected(run);
    const lanes = [...this.#byLane()].map(([, runs]) => {
      const { client, server, path, transport } = runs[0]!;
      const passed = runs.filter(({ failure }) => failure === undefined).length;
      return [`${client}>${server} ${path} ${transport}`, [passed, runs.length]];
    });
    return JSON.stringify({
      interop: {
        runs: this.#runs.length,
        passed: count(({ failure }) => failure === undefined),
        known: count(known),
        unexpected: count((run) => !this.#isExpected(run)),
        lanes: Object.fromEntries(lanes) as Record<string, [number, number]>,
      },
    });
  }

  #reason(run: InteropRun): string | undefined {
    return reasonFor(run, this.#known);
  }

  /** Passed, or listed and failed; through the director only where the same pair fails without it too, or it would be its fault. */
  #isExpected(run: InteropRun): boolean {
    const isListed = this.#reason(run) !== undefined;
    if (run.failure === undefined) return !isListed;
    return isListed && (run.path === "direct" || this.#failsDirectly(run));
  }

  #failsDirectly({ client, server, transport, testCase }: InteropRun): boolean {
    return this.#runs.some(
      (run) =>
        run.path === "direct" &&
        run.client === client &&
        run.server === server &&
        run.transport === transport &&
        run.testCase === testCase &&
        run.failure !== undefined,
    );
  }

  #remarkOf(run: InteropRun): string | undefined {
    if (!this.#isExpected(run)) return `${run.testCase} ${run.failure === undefined ? "PASSES" : "FAILS"}`;
    return run.failure === undefined ? undefined : `(${run.testCase})`;
  }

  #byLane(): Map<string, InteropRun[]> {
    const lanes = new Map<string, InteropRun[]>();
    for (const run of this.#runs) {
      const lane = laneText(run);
      lanes.set(lane, [...(lanes.get(lane) ?? []), run]);
    }
    return lanes;
  }
}

const HEADINGS = { client: "client", server: "server", path: "path", transport: "port" };

function laneText({ client, server, path, transport }: Lane | typeof HEADINGS): string {
  return `${client.padEnd(9)} ${server.padEnd(8)} ${path.padEnd(9)} ${transport.padEnd(6)}`;
}
