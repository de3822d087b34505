import type { IncomingCall, MessageCompression, MessageEncoding, PeerCertificate } from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { ACCEPTED_ENCODINGS, isAcceptedEncoding } from "../framing/message-encoding";
import type { ResumePosition } from "../../core/resume-position";
import type { CallContext } from "./call-context";
import type { ResumableAnswer } from "./resumable-answer";

const NEVER_DRAINING = new AbortController().signal;

/** The context of one call. What handlers seldom look at is made when they do: an AbortSignal alone costs as much as a small call. */
export class HandlerContext implements CallContext {
  readonly #call: IncomingCall;
  readonly #method: Pick<CallContext, "requestStream" | "responseStream">;
  #abort: AbortController | undefined;
  #abortReason: unknown;
  #headers: CallMetadata | undefined;
  #trailers: CallMetadata | undefined;
  #headersSent = false;
  readonly #answer: ResumableAnswer | undefined;

  /** @param answer - of a method that is resumable */
  constructor(
    call: IncomingCall,
    method: Pick<CallContext, "requestStream" | "responseStream">,
    answer: ResumableAnswer | undefined,
  ) {
    this.#call = call;
    this.#method = method;
    this.#answer = answer;
  }

  get requestStream(): boolean {
    return this.#method.requestStream;
  }

  get responseStream(): boolean {
    return this.#method.responseStream;
  }

  get path(): string {
    return this.#call.path;
  }

  get timeoutMs(): number | undefined {
    return this.#call.timeoutMs;
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

  peerCertificate(): PeerCertificate | undefined {
    return this.#call.peerCertificate?.();
  }

  compress(compression: MessageEncoding | MessageCompression): void {
    const asked = typeof compression === "string" ? { encoding: compression } : compression;
    if (!isAcceptedEncoding(asked.encoding)) {
      throw new TypeError(`compression is "${String(asked.encoding)}": use one of ${ACCEPTED_ENCODINGS}`);
    }
    this.#call.compress?.(asked);
  }

  get resume(): ResumePosition | undefined {
    return this.#answer?.read();
  }

  beginAfter(sequence: number): void {
    this.#resumable().beginAfter(sequence);
  }

  checkpoint(state: Uint8Array): void {
    this.#resumable().checkpoint(state);
  }

  #resumable(): ResumableAnswer {
    if (this.#answer !== undefined) return this.#answer;
    throw new TypeError(`${this.path} is not resumable: write option (heddle.v1.resumable) = true in its contract`);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  get draining(): AbortSignal {
    return this.#call.draining ?? NEVER_DRAINING;
  }

  get headers(): CallMetadata {
    return (this.#headers ??= new CallMetadata());
  }

  get trailers(): CallMetadata {
    return (this.#trailers ??= new CallMetadata());
  }

  /** A function of its own, since handlers take it out of the context. */
  get sendHeaders(): () => void {
    return () => this.#sendHeaders();
  }

  /** Before the first message: the headers, if there are any to send. */
  sendHeadersSet(): void {
    if (this.#answer !== undefined || (this.#headers !== undefined && this.#headers.size > 0)) this.#sendHeaders();
    this.#headersSent = true;
  }

  /** The trailers that were set, and these. */
  trailersWith(others: CallMetadata): CallMetadata {
    if (this.#trailers === undefined) return others;
    for (const [key, value] of others.entries()) this.#trailers.append(key, value);
    return this.#trailers;
  }

  /** Once; whoever asks for the signal later finds it aborted. */
  abort(reason: unknown): void {
    this.#abortReason = reason ?? new Error("the call ended");
    this.#abort?.abort(this.#abortReason);
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#answer?.addTo(this.headers);
    this.#call.sendHeaders(this.headers);
  }
}
