import { createHash } from "node:crypto";
import type { Acceptance, IncomingCall } from "../core/call";
import { asksOf, keyFault, type CallAsks } from "../core/call-asks";
import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import { refuseCall } from "../core/refuse-call";
import type { Admission } from "./admission";
import { KeyedExecution } from "./keyed-execution";
import { WholeRequest } from "./whole-request";

/** Bounds of what a worker remembers of calls with idempotency keys. */
export interface KeyedCallsBounds {
  /** How long results are kept. Default 600,000 ms. Env: HEDDLE_IDEMPOTENCY_WINDOW_MS. */
  readonly idempotencyWindowMs?: number | undefined;
  /** Keys at once, those of calls that run included. Default 100,000. Env: HEDDLE_IDEMPOTENCY_KEYS_MAX. */
  readonly idempotencyKeysMax?: number | undefined;
  /** Bytes of kept results, before which a call with a new key begins. Default 64 MiB. Env: HEDDLE_IDEMPOTENCY_MAX_BYTES. */
  readonly idempotencyMaxBytes?: number | undefined;
}

/** What an entry costs beside its result. */
const ENTRY_BYTES = 512;

type Run = (call: IncomingCall) => void;

/**
 * Takes calls that ask for more than to be run:
 * - A1 to be told that they were taken, before the handler begins.
 * - A2 to be run once for all that have the same idempotency key, however many come, and at the same time or one after the other: the first
 *   that the admission takes runs, all get its end. Refused ones, which did not run, leave nothing behind.
 * - A3 the same key with another method or request is an error.
 * - A4 no result is forgotten before its time: at the bounds, calls with new keys are refused.
 * - A5 a call that is for another life of this worker is refused: what that life ran is not known here.
 * A call that asks for nothing goes straight to the admission.
 */
export class KeyedCalls {
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #acceptance: Acceptance;
  readonly #windowMs: number;
  readonly #keysMax: number;
  readonly #bytesMax: number;
  readonly #running = new Map<string, KeyedExecution>();
  /** By the time of their end. Old ones go when a call with a key comes: the bounds hold without a timer. */
  readonly #ended = new Map<string, KeyedExecution>();
  #bytes = 0;

  constructor(clock: Clock, admission: Admission, acceptance: Acceptance, bounds: KeyedCallsBounds = {}) {
    this.#clock = clock;
    this.#admission = admission;
    this.#acceptance = acceptance;
    this.#windowMs = bounds.idempotencyWindowMs ?? 600_000;
    this.#keysMax = bounds.idempotencyKeysMax ?? 100_000;
    this.#bytesMax = bounds.idempotencyMaxBytes ?? 64 * 1024 * 1024;
  }

  /** Keys that are remembered now. */
  get size(): number {
    return this.#running.size + this.#ended.size;
  }

  serve(call: IncomingCall, run: Run): void {
    const asks = call.asks === undefined ? asksOf(call.metadata) : call.asks();
    if (asks.idempotencyKey !== undefined) this.#serveKeyed(call, run, asks, asks.idempotencyKey);
    else if (asks.accept) this.#admission.serve(call, this.#accepting(run));
    else this.#admission.serve(call, run);
  }

  #accepting(run: Run): Run {
    return (admitted) => {
      admitted.accept?.(this.#acceptance); // A1
      run(admitted);
    };
  }

  #serveKeyed(call: IncomingCall, run: Run, { life }: CallAsks, key: string): void {
    const fault = keyFault(key) ?? this.#otherLife(life);
    if (fault !== undefined) {
      refuseCall(call, fault);
      return;
    }
    new WholeRequest(call, (request) => this.#takeWhole(request, run, key));
  }

  /** A5 */
  #otherLife(life: string | undefined): FabricError | undefined {
    const { memberId, life: own } = this.#acceptance;
    if (life === undefined || life === own) return undefined;
    const what = `${HEDDLE_KEYS.life} is "${life.slice(0, 64)}", and this life of ${memberId} is "${own}"`;
    return new FabricError("WORKER_RESTARTED", what);
  }

  #takeWhole(request: WholeRequest, run: Run, key: string): void {
    this.#forgetOld();
    const hash = createHash("sha256").update(request.path).update("\n").update(request.message).digest("hex");
    const known = this.#running.get(key) ?? this.#ended.get(key);
    if (known !== undefined) {
      if (known.hash === hash) known.join(request);
      else request.refuse(reused(key, request.path)); // A3
      return;
    }
    if (this.size >= this.#keysMax || this.#bytes >= this.#bytesMax) {
      request.refuse(this.#full()); // A4
      return;
    }
    const execution = new KeyedExecution(
      { clock: this.#clock, hash, acceptance: this.#acceptance, over: (kept) => this.#over(key, execution, kept) },
      request,
    );
    this.#running.set(key, execution);
    this.#admission.serve(execution, this.#accepting(run)); // A2
  }

  #over(key: string, execution: KeyedExecution, kept: boolean): void {
    this.#running.delete(key);
    if (!kept) return;
    this.#ended.set(key, execution);
    this.#bytes += ENTRY_BYTES + execution.resultBytes;
  }

  #forgetOld(): void {
    const beforeMs = this.#clock.monotonicMs() - this.#windowMs;
    for (const [key, execution] of this.#ended) {
      if (execution.endedAtMs > beforeMs) return;
      this.#ended.delete(key);
      this.#bytes -= ENTRY_BYTES + execution.resultBytes;
    }
  }

  #full(): FabricError {
    const what = `${this.size} idempotency keys and ${this.#bytes} bytes of results are remembered`;
    return new FabricError("KEYS_FULL", `${what}, of at most ${this.#keysMax} and ${this.#bytesMax}`);
  }
}

function reused(key: string, path: string): FabricError {
  return new FabricError(
    "KEY_REUSED",
    `${HEDDLE_KEYS.idempotencyKey} ${key} was used with another request than this ${path}`,
  );
}
