import type {
  Acceptance,
  CallEnd,
  IncomingCall,
  IncomingListener,
  MessageCompression,
  PeerCertificate,
} from "../core/call";
import type { CallMetadata } from "../core/call-metadata";
import type { CallSource } from "../core/call-source";

/** Who makes a call several times, as one of its legs sees it. After `ended`, or `CallLeg.cancel`, it is told nothing. */
export interface LegOwner {
  headers(leg: CallLeg, metadata: CallMetadata): void;
  /** A worker said that it has taken the leg. */
  accepted?(leg: CallLeg, by: Acceptance): void;
  /** False: it was taken, but the leg holds its worker back until `CallLeg.drained`. */
  message(leg: CallLeg, bytes: Uint8Array): boolean;
  /** The leg's last word: exactly once, unless it was cancelled. */
  ended(leg: CallLeg, end: Omit<CallEnd, "error">): void;
  /** The leg wants no more requests until `requestsWanted`. What is sent nevertheless is taken, and has to be held. */
  requestsUnwanted(leg: CallLeg): void;
  requestsWanted(leg: CallLeg): void;
}

/**
 * One leg of a call that is made several times, one after the other (resumed) or at once (hedged): what forwards calls gets it
 * in the caller's place, with the caller's path, metadata and source.
 *
 * - L1 what it says after its end, or after `cancel`, reaches nobody.
 * - L2 it holds nothing: requests and answers go through it within the call.
 */
export class CallLeg implements IncomingCall {
  readonly timeoutMs: number | undefined;
  readonly #call: IncomingCall;
  readonly #owner: LegOwner;
  #listener: IncomingListener | undefined;
  #over = false;

  /**
   * @param call - the caller's
   * @param timeoutMs - what is left of its time
   */
  constructor(call: IncomingCall, timeoutMs: number | undefined, owner: LegOwner) {
    this.timeoutMs = timeoutMs;
    this.#call = call;
    this.#owner = owner;
  }

  get isOver(): boolean {
    return this.#over;
  }

  // ---- The owner's side ------------------------------------------------------------------------------------------------

  /** Only once somebody listens; `forwardCall` does before it returns. */
  request(bytes: Uint8Array): void {
    if (!this.#over) this.#listener?.message(bytes);
  }

  halfClose(): void {
    if (!this.#over) this.#listener?.halfClosed();
  }

  /** After `message` returned false: more is wanted. */
  drained(): void {
    if (!this.#over) this.#listener?.drained?.();
  }

  /** Nobody wants it any more. Twice is once. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener?.cancelled();
  }

  // ---- IncomingCall: the side of what forwards it ----------------------------------------------------------------------

  get path(): string {
    return this.#call.path;
  }

  get metadata(): CallMetadata {
    return this.#call.metadata;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get authority(): string | undefined {
    return this.#call.authority;
  }

  get source(): CallSource | undefined {
    return this.#call.source;
  }

  get compression(): MessageCompression | undefined {
    return this.#call.compression;
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#call.peerCertificate?.();
  }

  listen(listener: IncomingListener): void {
    this.#listener = listener;
  }

  accept(by: Acceptance): void {
    if (!this.#over) this.#owner.accepted?.(this, by);
  }

  sendHeaders(metadata: CallMetadata): void {
    if (!this.#over) this.#owner.headers(this, metadata);
  }

  send(bytes: Uint8Array): boolean {
    return this.#over || this.#owner.message(this, bytes);
  }

  finish(end: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.ended(this, end);
  }

  pause(): void {
    if (!this.#over) this.#owner.requestsUnwanted(this);
  }

  resume(): void {
    if (!this.#over) this.#owner.requestsWanted(this);
  }
}
