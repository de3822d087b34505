import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../../src/core/errors";
import { AcknowledgedWrites } from "./acknowledged-writes";
import { EmbeddedRig } from "./embedded-rig";
import { Fabric, LEADER_TTL_MS, type FabricOptions } from "./fabric";
import type { FaultKind, FaultParts, FaultRecord, Lane } from "./fault";
import { type CallRecord, nowMs } from "./history";
import { LeaderWatch } from "./leader-watch";
import { plan, type PlannedFault } from "./schedule";
import { DISK_FAULTS, STORE_FAULTS } from "./store-faults";
import { judge, type Verdict } from "./verdict";
import { convergence } from "./views";
import { NAMESPACE_FAULTS, WORKER_FAULTS } from "./worker-faults";

export interface ChaosOptions extends Omit<FabricOptions, "etcdMembers"> {
  readonly etcdMembers?: number;
  /** How long things break. Starting and judging come on top. Default: until every kind came once. */
  readonly durationMs?: number;
  readonly seed: number;
  /** Only these kinds. Default: all. */
  readonly kinds?: readonly string[];
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly verdict: Verdict;
  readonly faults: readonly FaultRecord[];
  readonly writes: { readonly acknowledged: number; readonly refused: number };
  /** From the last healing until all directors saw the same. */
  readonly convergedMs: number;
  /** Kinds that were left out, and why. */
  readonly leftOut: readonly string[];
}

type Planned = Iterable<PlannedFault>;

/** Before anything breaks, so that the failure detectors know what is usual. */
const WARM_UP_INTERVALS = 8;
const CONVERGED_WITHIN_MS = 10_000;
/** Workers that were just judged dead come back as a new life; longer than the views may differ. */
const READY_WITHIN_MS = 60_000;
const LANES: readonly Lane[] = ["workers and clients", "directors and store"];
/** Breaks everything there is for a while, and judges what became of the calls. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const fabric = await Fabric.start({ etcdMembers: 3, ...options });
  let embedded: EmbeddedRig | undefined;
  try {
    const leftOut: string[] = [];
    const kinds = [...WORKER_FAULTS, ...STORE_FAULTS];
    if (fabric.namespace) kinds.push(...NAMESPACE_FAULTS);
    else leftOut.push(...NAMESPACE_FAULTS.map(({ name }) => `${name}: network namespaces are not allowed here`));
    if (wants(options, DISK_FAULTS[0]!)) {
      embedded = await EmbeddedRig.start(fabric);
      if (embedded) kinds.push(...DISK_FAULTS);
      else leftOut.push(...DISK_FAULTS.map(({ name }) => `${name}: mounting is not allowed here`));
    }
    return await new ChaosRun(options, fabric, embedded, leftOut).run(kinds.filter((kind) => wants(options, kind)));
  } finally {
    await embedded?.close();
    await fabric.close();
  }
}

function wants({ kinds }: ChaosOptions, { name }: FaultKind): boolean {
  return kinds === undefined || kinds.includes(name);
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #fabric: Fabric;
  readonly #embedded: EmbeddedRig | undefined;
  readonly #leftOut: string[];
  readonly #faults: FaultRecord[] = [];
  readonly #complaints: string[] = [];
  readonly #startMs = nowMs();

  constructor(options: ChaosOptions, fabric: Fabric, embedded: EmbeddedRig | undefined, leftOut: string[]) {
    this.#options = options;
    this.#fabric = fabric;
    this.#embedded = embedded;
    this.#leftOut = leftOut;
  }

  async run(kinds: readonly FaultKind[]): Promise<ChaosReport> {
    const { durationMs = Infinity, heartbeatMs, seed, say } = this.#options;
    const { directors, workers, clients } = this.#fabric;
    const labels = workers.map(({ label }) => label);
    await this.#whenEqual(labels, READY_WITHIN_MS, "at the start");
    const leaders = new LeaderWatch(directors);
    const writes = new AcknowledgedWrites(directors, workers[0]!.data.address);
    await Promise.all(clients.map(({ program }) => program.start()));
    await wait(WARM_UP_INTERVALS * heartbeatMs);

    const parts: FaultParts = {
      fabric: this.#fabric,
      embedded: this.#embedded,
      leader: () => Promise.resolve(leaders.latest()),
    };
    const endMs = nowMs() + durationMs;
    await Promise.all(
      LANES.map((lane) => {
        const mine = kinds.filter((kind) => kind.lane === lane);
        const rounds = durationMs === Infinity ? 1 : Infinity;
        return this.#breakThings(plan(mine, { seed, intervalMs: heartbeatMs, rounds }), parts, endMs);
      }),
    );
    say(`${this.#elapsed()} all healed`);
    await writes.stop();
    const { tookMs } = await this.#whenEqual(labels, CONVERGED_WITHIN_MS, "after the last healing");
    // Each sends its last calls, and waits for their answers.
    await Promise.all(clients.map(({ program }) => program.stop(READY_WITHIN_MS)));
    await leaders.stop();
    const lostWrites = (await Promise.all(directors.map((director) => this.#lost(writes, director)))).flat();
    const lostEmbedded = (await this.#embedded?.lostWrites()) ?? 0;
    if (lostEmbedded > 0) lostWrites.push("a write to the embedded store");
    await this.#embedded?.close();
    await this.#fabric.close();
    await this.#readLogs();
    this.#complaints.push(...(this.#embedded?.violations ?? []));

    const evidence = {
      calls: await this.#readHistory(),
      ledgers: await this.#readLedgers(),
      faults: this.#faults.toSorted((one, other) => one.startMs - other.startMs),
      sightings: leaders.sightings,
      lostWrites,
      complaints: this.#complaints,
      heartbeatMs,
      leaderTtlMs: LEADER_TTL_MS,
    };
    const { ledgers: _, calls: __, ...rest } = evidence;
    await writeFile(join(this.#options.folder, "evidence.json"), JSON.stringify(rest, null, 2));
    const { acknowledged, refused } = writes;
    return {
      verdict: judge(evidence),
      faults: evidence.faults,
      writes: { acknowledged, refused },
      convergedMs: tookMs,
      leftOut: this.#leftOut,
    };
  }

  async #breakThings(planned: Planned, parts: FaultParts, endMs: number): Promise<void> {
    const { say } = this.#options;
    for (const { kind, pauseMs, holdMs, random } of planned) {
      await wait(pauseMs);
      // It would not be over in time.
      if (nowMs() + holdMs > endMs) return;
      const startMs = nowMs();
      try {
        const { target, effect, heal } = await kind.inject(parts, random);
        say(`${this.#elapsed()} ${kind.name}: ${target}`);
        await wait(holdMs);
        await heal();
        this.#faults.push({ kind: kind.name, target, startMs, healedMs: nowMs(), ...effect });
      } catch (error) {
        this.#complaints.push(`${kind.name} did not go as it should: ${messageOf(error)}`);
        say(`${this.#elapsed()} ${this.#complaints.at(-1)}`);
        return;
      }
    }
  }

  async #whenEqual(labels: readonly string[], withinMs: number, when: string): Promise<{ readonly tookMs: number }> {
    const { tookMs, difference } = await convergence(this.#fabric.directors, labels, withinMs);
    if (difference !== "") this.#complaints.push(`views differ ${Math.round(tookMs)} ms ${when}: ${difference}`);
    return { tookMs };
  }

  async #lost(writes: AcknowledgedWrites, director: Fabric["directors"][number]): Promise<string[]> {
    try {
      return await writes.lost(director);
    } catch (error) {
      return [`${director.id} cannot be asked: ${messageOf(error)}`];
    }
  }

  async #readLogs(): Promise<void> {
    for (const { name, deaths } of [...this.#fabric.programs, ...(this.#embedded?.programs ?? [])]) {
      this.#complaints.push(...deaths);
      const file = this.#fabric.logFile(name);
      const log = existsSync(file) ? await readFile(file, "utf8") : "";
      const wrong = log
        .split("\n")
        .filter((line) => /unhandled|uncaught|MaxListenersExceeded|AssertionError/i.test(line));
      this.#complaints.push(...wrong.slice(0, 3).map((line) => `${file} has "${line.slice(0, 200)}"`));
    }
  }

  async #readHistory(): Promise<CallRecord[]> {
    const calls: CallRecord[] = [];
    for (const { historyFile } of this.#fabric.clients) {
      const lines = createInterface({ input: createReadStream(historyFile) });
      lines.on("line", (line) => calls.push(JSON.parse(line) as CallRecord));
      await once(lines, "close");
    }
    return calls;
  }

  async #readLedgers(): Promise<Map<string, readonly string[]>> {
    const ledgers = new Map<string, readonly string[]>();
    for (const { label, ledgerFile } of this.#fabric.workers) {
      const text = existsSync(ledgerFile) ? await readFile(ledgerFile, "utf8") : "";
      ledgers.set(label, text.split("\n").slice(0, -1));
    }
    return ledgers;
  }

  #elapsed(): string {
    return `${((nowMs() - this.#startMs) / 1_000).toFixed(1).padStart(6)} s `;
  }
}
