import type { FabricClient } from "../../client/fabric-client";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import { DevProcess } from "./dev-process";
import type { DevWork } from "./dev-work";

export interface DevWorkersParts {
  readonly clock: Clock;
  readonly fabric: FabricClient;
  readonly work: DevWork;
  readonly count: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A line for the person; `from` is a worker or "". */
  say(from: string, line: string): void;
  /** Aborts when all is to end. */
  readonly stopping: AbortSignal;
}

interface Running {
  readonly memberId: string;
  readonly process: DevProcess;
}

/** How long a worker may take until the director picks it. */
const READY_MS = 30_000;
const LOOK_MS = 100;
const ANSWER_TIMEOUT_MS = 2_000;

/** The workers, each in a process; replaced one after the other, the new one before the old one. */
export class DevWorkers {
  readonly #parts: DevWorkersParts;
  /** By its place, 0 to `count` - 1. */
  readonly #running = new Map<number, Running>();
  readonly #processes = new Set<DevProcess>();
  #generation = 0;
  #replacing: Promise<void> | undefined;
  #changedMeanwhile = false;

  constructor(parts: DevWorkersParts) {
    this.#parts = parts;
  }

  /** Those that take calls. */
  get size(): number {
    return this.#running.size;
  }

  /** Starts those that do not run and replaces the others. Called while that goes on, it is done once more after it. */
  replaceAll(): Promise<void> {
    if (this.#replacing) this.#changedMeanwhile = true;
    this.#replacing ??= this.#replace().finally(() => (this.#replacing = undefined));
    return this.#replacing;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes].map((process) => process.stop()));
    await this.#replacing;
  }

  kill(): void {
    for (const process of this.#processes) process.kill();
  }

  async #replace(): Promise<void> {
    do {
      this.#changedMeanwhile = false;
      this.#generation += 1;
      if (this.#running.size === 0) {
        // Nobody's calls are at stake.
        await Promise.all(Array.from({ length: this.#parts.count }, (_, place) => this.#replaceOne(place)));
        continue;
      }
      for (let place = 0; place < this.#parts.count && !this.#parts.stopping.aborted; place += 1) {
        // A mistake in the code costs one process, and the old ones go on.
        if (!(await this.#replaceOne(place))) break;
        if (this.#changedMeanwhile) break;
      }
    } while (this.#changedMeanwhile && !this.#parts.stopping.aborted);
  }

  /** False: the new one does not start, and the old one stays. */
  async #replaceOne(place: number): Promise<boolean> {
    const { say, stopping } = this.#parts;
    const label = `worker-${place + 1}`;
    const before = this.#running.get(place);
    const next = this.#start(place, label);
    const trouble = await this.#untilReady(next);
    if (stopping.aborted) return false;
    if (trouble !== "") {
      const rest = before ? "; the one before it goes on" : "";
      say("", `${label} does not start: ${trouble}${rest}`);
      await next.process.stop();
      void this.#forget(next.memberId);
      return false;
    }
    this.#running.set(place, next);
    say("", `${label} takes calls (${next.memberId})`);
    if (!before) return true;
    // It tells the directors, and ends when its calls have.
    await before.process.stop();
    void this.#forget(before.memberId);
    return true;
  }

  #start(place: number, label: string): Running {
    const { env, work, say } = this.#parts;
    const memberId = `${label}.${this.#generation}`;
    const process = new DevProcess({
      work,
      env: { ...env, WORKER_LABEL: label, NODE_ID: memberId, WORKER_ADDR: "127.0.0.1:0" },
      onLine: (line) => say(label, line),
    });
    this.#processes.add(process);
    void process.exited.then((how) => {
      this.#processes.delete(process);
      if (this.#running.get(place)?.process !== process || this.#parts.stopping.aborted) return;
      this.#running.delete(place);
      say("", `${label} ended by itself (${how}); it starts again when its files change`);
    });
    return { memberId, process };
  }

  /** "" when a director picks it; else why not. */
  async #untilReady({ memberId, process }: Running): Promise<string> {
    const { clock, stopping } = this.#parts;
    const startedMs = clock.monotonicMs();
    let reason = "it did not attach";
    let ended = "";
    void process.exited.then((how) => (ended = how));
    while (!stopping.aborted && clock.monotonicMs() - startedMs < READY_MS) {
      if (ended !== "") return `it ended with ${ended}`;
      const seen = await this.#look(memberId);
      if (seen === "ready") return "";
      reason = seen;
      await clock.sleep(LOOK_MS, stopping).catch(() => {});
    }
    return reason;
  }

  async #look(memberId: string): Promise<string> {
    try {
      const options = { timeoutMs: ANSWER_TIMEOUT_MS };
      const { members } = await this.#parts.fabric.director.listMembers({}, options);
      const member = members.find((each) => each.memberId === memberId);
      return member?.ready ? "ready" : member?.notReadyReason || "it did not attach";
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A list of all that ever ran would hide those that do. */
  async #forget(memberId: string): Promise<void> {
    await this.#parts.fabric.director
      .removeMember({ memberId, reason: "replaced by heddle dev" }, { timeoutMs: ANSWER_TIMEOUT_MS })
      .catch(() => {});
  }
}
