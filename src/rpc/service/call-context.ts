import type { MessageCompression, MessageEncoding, PeerCertificate } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";
import type { ResumePosition } from "../../core/resume-position";

/** What a handler knows of its call. */
export interface CallContext {
  /** "/package.Service/Method". */
  readonly path: string;
  /** Whether the method takes, and answers, a stream of messages. */
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Aborts when the caller cancels, its deadline passes, its connection breaks, or the server ends the call. */
  readonly signal: AbortSignal;
  /**
   * Aborts when the worker is being taken out of service, by SIGTERM or an operator, and still serves what comes: an endless stream ends at
   * a good point then, and its caller begins anew elsewhere. One for all calls: whoever listens to it stops listening when the call
   * ends. Never aborts in the threads of WORKER_THREADS.
   */
  readonly draining: AbortSignal;
  /** Time that was left when the call arrived; `undefined` without a deadline. */
  readonly timeoutMs: number | undefined;
  /** What the caller sent. */
  readonly metadata: CallMetadata;
  /** Initial metadata of the answer; sent with its first message. */
  readonly headers: CallMetadata;
  /** Sent at the end, also of a failed call. */
  readonly trailers: CallMetadata;
  /** Sends `headers` now, before the first message. Twice is once. */
  sendHeaders(): void;
  /**
   * Says how messages of the answer are sent, where the caller can read such: those of 1 KiB or more, if they become shorter. Before the first
   * message; afterwards "identity" still leaves it off. Default: as the server's settings say. Does nothing with HEDDLE_TRANSPORT=grpc-js.
   * @throws TypeError for an encoding that is not known here
   */
  compress(compression: MessageEncoding | MessageCompression): void;
  /**
   * Where to go on, of a method with `option (heddle.v1.resumable) = true`: another worker had this call before, and its caller has messages
   * of the answer. Undefined where it begins.
   *
   * A handler that looks at it is taken to go on with message `afterSequence + 1`, unless it says otherwise (`beginAfter`). One that does not
   * is taken to begin anew, and the messages that its caller has are left out.
   */
  readonly resume: ResumePosition | undefined;
  /**
   * Says that the next message, the first that is given, is number `sequence + 1`, because that is where the handler's checkpoint is, say. Those
   * that the caller has are left out.
   * @throws RangeError where the caller would miss messages; TypeError after the first message, or when the method is not resumable
   */
  beginAfter(sequence: number): void;
  /**
   * Attaches what a handler elsewhere needs to go on after the next message: it finds the latest in `resume`. At most 16 KiB.
   * @throws RangeError when it is longer; TypeError when the method is not resumable
   */
  checkpoint(state: Uint8Array): void;
  /** Address of the caller: the director's, where one passed the call on. */
  readonly peer: string;
  /** How the caller named this server (`:authority`). */
  readonly authority: string | undefined;
  /** The certificate that the caller showed, where HEDDLE_TLS_CLIENT_CA_FILE asks for one: the director's, where one passed the call on. */
  peerCertificate(): PeerCertificate | undefined;
}
