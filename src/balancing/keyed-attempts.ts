import type { Acceptance } from "../core/call";
import type { CallMetadata } from "../core/call-metadata";
import type { FabricError } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import type { DispatchRequest } from "./dispatch";

/** An endpoint that may have told which life of a worker it is. */
export interface LivingEndpoint {
  readonly memberId: string;
  /** As it last said; a guess, which the worker checks. */
  life?: string | undefined;
}

/** How a call is tried again. */
export interface Repeat {
  /** The request of the next attempt. */
  readonly at: DispatchRequest;
  /** No worker did anything for the attempt that failed: it draws on no budget, and its worker may be asked again. */
  readonly free: boolean;
}

/**
 * Where a call with an idempotency key may be tried again. Its key protects it at one life of one worker, so:
 * - K1 each attempt names the life that it is for, as soon as one is known; any other life refuses it, unrun.
 * - K2 once it can have run, it goes to that life only, and where that cannot be named, nowhere.
 * - K3 a method that is idempotent by its contract may go anywhere, key or not.
 */
export class KeyedAttempts {
  readonly #request: DispatchRequest;
  /** A caller that passes the call on has named the life. */
  readonly #demanded: string | undefined;
  /** Of the attempt that runs, or ran last. */
  #endpoint: LivingEndpoint | undefined;
  #guessed: string | undefined;
  #accepted: Acceptance | undefined;
  /** Where it can have run. */
  #ran: Acceptance | undefined;

  constructor(request: DispatchRequest, metadata: CallMetadata) {
    this.#request = request;
    this.#demanded = metadata.text(HEDDLE_KEYS.life);
  }

  /** What the worker is sent in this attempt (K1). */
  begin(endpoint: LivingEndpoint, metadata: CallMetadata): CallMetadata {
    this.#endpoint = endpoint;
    this.#accepted = undefined;
    const sent = metadata.clone();
    sent.set(HEDDLE_KEYS.accept, "1");
    const life = this.#ran?.life ?? this.#demanded ?? (this.#guessed = endpoint.life);
    if (life !== undefined) sent.set(HEDDLE_KEYS.life, life);
    if (this.#ran !== undefined && this.#ran.memberId !== endpoint.memberId) {
      sent.set(HEDDLE_KEYS.worker, this.#ran.memberId); // for the director on the way
    }
    return sent;
  }

  accepted(by: Acceptance): void {
    this.#accepted = by;
    if (by.memberId === this.#endpoint!.memberId) this.#endpoint!.life = by.life;
  }

  /** After this error; undefined: as any other call. */
  after(error: FabricError): Repeat | "never" | undefined {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return undefined;
    if (error.code === "WORKER_RESTARTED") {
      if (this.#ran !== undefined || this.#demanded !== undefined) return "never";
      endpoint.life = undefined; // the guess was wrong; it has not run
      return { at: this.#request, free: true };
    }
    if (this.#request.idempotent) return undefined; // K3
    const hasRun = error.kind.executed !== "no";
    if (error.kind.retry === "never" || (hasRun && error.code !== "WORKER_LOST")) return "never";
    if (hasRun) this.#ran ??= this.#accepted ?? this.#named(endpoint);
    if (this.#ran === undefined) return hasRun ? "never" : undefined;
    const isDirect = this.#ran.memberId === endpoint.memberId;
    return { at: isDirect ? { ...this.#request, memberId: endpoint.memberId } : this.#request, free: false }; // K2
  }

  /** The life that the attempt named: if it ran anywhere, it ran there. */
  #named({ memberId }: LivingEndpoint): Acceptance | undefined {
    const life = this.#demanded ?? this.#guessed;
    return life === undefined ? undefined : { memberId, life };
  }
}
