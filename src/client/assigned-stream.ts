import { Backoff } from "../core/backoff";
import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import {
  InferenceServiceDefinition,
  type AssignWorkerResponse,
  type DirectorServiceDefinition,
  type GenerateResponse,
} from "../wire/contract";
import { typedClient, type TypedClient } from "../rpc/service/typed-client";

export interface AssignedStreamParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly director: TypedClient<DirectorServiceDefinition>;
  /** Directors, for the log lines. */
  readonly directors: readonly string[];
  readonly prompt: string;
  /** Tokens after which it is done; 0 goes on until `signal` aborts. */
  readonly maxTokens: number;
  connect(address: string): Connection;
  newId(): string;
}

/** What one conversation has seen. */
export interface AssignedStreamCounts {
  readonly tokens: number;
  readonly failovers: number;
  /** Sequence numbers that were skipped, and that came twice. Both stay 0. */
  readonly lost: number;
  readonly repeated: number;
}

/** Time that a worker gets to accept a connection and to say Connected. */
const CONNECT_TIMEOUT_MS = 3_000;

/**
 * The client of the system that this replaces, step by step: asks a director for a worker, connects to it directly, streams; when the worker
 * fails, returns to the director and goes on with the next one under the same connection id. `FabricClient.generate` does the
 * same with less ado; this one shows it.
 */
export class AssignedStream {
  readonly #parts: AssignedStreamParts;
  readonly #backoff: Backoff;
  #connectionId = "";
  #last = 0n;
  #tokens = 0;
  #failovers = 0;
  #lost = 0;
  #repeated = 0;

  constructor(parts: AssignedStreamParts) {
    this.#parts = parts;
    this.#backoff = new Backoff({ initialMs: 50, maxMs: 1_000 }, parts.random);
  }

  get counts(): AssignedStreamCounts {
    return { tokens: this.#tokens, failovers: this.#failovers, lost: this.#lost, repeated: this.#repeated };
  }

  /** Streams until it has all tokens or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, clock, directors } = this.#parts;
    logger.info(`📡 Starting Client - connecting to director at ${directors.join(", ")}`);
    while (!signal.aborted) {
      const assignment = await this.#assign(signal);
      if (assignment) {
        const done = await this.#stream(assignment, signal);
        if (done || signal.aborted) return;
        this.#failovers += 1;
        logger.info("🔄 returning to director for new worker assignment");
      }
      await clock.sleep(this.#backoff.nextMs(), signal).catch(() => {});
    }
  }

  async #assign(signal: AbortSignal): Promise<AssignWorkerResponse | undefined> {
    const { logger, director, prompt } = this.#parts;
    logger.info("🔍 asking director for worker assignment");
    try {
      const answer = await director.assignWorker({ connectionId: this.#connectionId, prompt }, { signal });
      logger.info("✅ connected to director");
      this.#connectionId = answer.connectionId;
      if (answer.success) return answer;
      logger.warn(`⏳ ${answer.message}`);
    } catch (error) {
      if (!signal.aborted) logger.warn("⏳ no director answers, trying again", { reason: messageOf(error) });
    }
    return undefined;
  }

  /** True when the answer is complete. */
  async #stream(assignment: AssignWorkerResponse, signal: AbortSignal): Promise<boolean> {
    const { logger, clock, director } = this.#parts;
    logger.info("🔀 director assigned worker - establishing direct connection", { worker: assignment.workerLabel });
    const connection = this.#parts.connect(assignment.workerAddr);
    const ended = new AbortController();
    const aborted = AbortSignal.any([signal, ended.signal]);
    const cancelTimer = clock.after(CONNECT_TIMEOUT_MS, () =>
      ended.abort(new FabricError("WORKER_UNREACHABLE", `${assignment.workerAddr} did not answer`)),
    );
    void this.#keepAssignment(assignment, aborted);
    try {
      await whenReady(connection, aborted);
      logger.info("✅ direct connection established to worker", { worker: assignment.workerLabel });
      const inference = typedClient(InferenceServiceDefinition, connection);
      logger.info("📤 creating request stream");
      logger.info("🔌 calling generate on worker");
      const request = {
        connectionId: this.#connectionId,
        prompt: this.#parts.prompt,
        resumeAfterSequence: this.#last,
        maxTokens: BigInt(this.#parts.maxTokens),
      };
      for await (const { event } of inference.generate([request], { signal: aborted })) {
        cancelTimer();
        if (this.#take(event)) return true;
      }
      throw new FabricError("WORKER_LOST", "the stream ended before the answer was complete");
    } catch (error) {
      if (!signal.aborted) {
        logger.warn("⚠️  worker failed - will request new worker from director", { reason: messageOf(error) });
      }
      return false;
    } finally {
      cancelTimer();
      ended.abort();
      connection.close();
      director.releaseAssignment({ assignmentId: assignment.assignmentId }, { timeoutMs: 1_000 }).catch(() => {
        // It expires by itself.
      });
    }
  }

  /** True at the end of the answer. */
  #take(event: GenerateResponse["event"]): boolean {
    const { logger } = this.#parts;
    switch (event?.$case) {
      case "connected":
        logger.info("🌊 stream opened successfully, starting to consume responses");
        logger.info("🔄 worker confirmed connection");
        this.#backoff.reset();
        return false;
      case "token":
        this.#takeToken(event.value.sequence, event.value.text);
        return false;
      case "error":
        throw new FabricError("WORKER_LOST", event.value.message);
      case "done":
        logger.info("🏁 answer complete", { tokens: this.#tokens });
        return true;
      case undefined:
        return false;
    }
  }

  #takeToken(sequence: bigint, text: string): void {
    if (sequence <= this.#last) {
      this.#repeated += 1;
      return;
    }
    this.#lost += Number(sequence - this.#last - 1n);
    this.#last = sequence;
    this.#tokens += 1;
    this.#parts.logger.info(
      `📦 received token (sequence=${sequence}, text=${JSON.stringify(text)}, total=${this.#tokens})`,
    );
  }

  /** Renews the assignment for as long as the stream lasts, so that the worker's count stays right. */
  async #keepAssignment({ assignmentId, ttlMs }: AssignWorkerResponse, ended: AbortSignal): Promise<void> {
    const { clock, director, logger } = this.#parts;
    while (!ended.aborted) {
      await clock.sleep(ttlMs / 3, ended).catch(() => {});
      if (ended.aborted) return;
      await director.renewAssignment({ assignmentId }, { timeoutMs: 5_000 }).catch((error: unknown) => {
        logger.debug("the assignment was not renewed", { reason: messageOf(error) });
      });
    }
  }
}

/** Resolves when the connection can carry calls; rejects with the reason of `aborted` when that comes first. */
function whenReady(connection: Connection, aborted: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (connection.isReady()) resolve();
    connection.onReadiness((ready) => {
      if (ready) resolve();
    });
    aborted.addEventListener("abort", () => reject(aborted.reason as Error), { once: true });
  });
}
