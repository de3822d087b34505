import type { CallAsks } from "./call-asks";
import type { CallMetadata } from "./call-metadata";
import type { CallSource } from "./call-source";
import type { FabricError } from "./errors";
import type { Status } from "./status";

/**
 * Calls as both sides see them, in bytes: the seam between what decides where a call goes and what carries it. `wire/` makes
 * them of gRPC; tests and the simulator make them of queues.
 */

/** How a call ended. */
export interface CallEnd {
  readonly status: Status;
  /** The status message; "" for OK. */
  readonly message: string;
  readonly trailers: CallMetadata;
  /** Set unless the status is OK: what it means for a retry. */
  readonly error?: FabricError;
}

/** What `grpc-encoding` may name here. "deflate" is zlib's format (RFC 1950). */
export type MessageEncoding = "identity" | "deflate" | "gzip";

/** How the messages of one direction of a call are sent. */
export interface MessageCompression {
  readonly encoding: MessageEncoding;
  /** Whether this message, as it is encoded, may be compressed: not what an attacker can add to a secret, say. Default: every one. */
  readonly compresses?: (message: Uint8Array) => boolean;
}

export interface CallStart {
  /** "/package.Service/Method". */
  readonly path: string;
  /** Calls may share it: nobody changes it from now on. */
  readonly metadata: CallMetadata;
  /** Time the call may still take; the connection ends it with DEADLINE_EXCEEDED after that. */
  readonly timeoutMs?: number | undefined;
  /** Where it came from, when it is passed on. */
  readonly source?: CallSource | undefined;
  /**
   * True: waits, within its deadline, until there is a connection. Default, and false: fails with WORKER_UNREACHABLE where connecting has
   * failed and is not being tried at this moment; whether it waits while it is being tried is for the connection to say (gRPC
   * wait-for-ready.md).
   */
  readonly waitForReady?: boolean | undefined;
  /** Of what is sent. Only connections in whole messages look at it. Default: the connection's. */
  readonly compression?: MessageCompression | undefined;
}

/** Who took a call. A worker of ours says so before user code runs, to callers that ask for it (`HEDDLE_KEYS.accept`). */
export interface Acceptance {
  readonly memberId: string;
  /** Made anew whenever the worker's process starts: what it remembers of calls ends with it. */
  readonly life: string;
}

/** What the caller of an outgoing call is told. After `ended`, nothing. */
export interface CallListener {
  /**
   * The worker has taken the call: from now on it counts as begun. At most once, and before anything else. That it did not come proves
   * nothing, since it may have been lost with the connection; it says nothing of the answer either.
   */
  accepted?(by: Acceptance): void;
  /** Initial metadata; at most once and before any message. */
  headers(metadata: CallMetadata): void;
  message(bytes: Uint8Array): void;
  /** Exactly once. */
  ended(end: CallEnd): void;
  /** After `send` returned false: more may be sent now. */
  drained?(): void;
}

/** A call this side made. */
export interface OutgoingCall {
  /** False: it was taken, but wait for `drained` before the next one, so that a slow peer stops its sender. */
  send(bytes: Uint8Array): boolean;
  /** No more messages from this side. */
  halfClose(): void;
  /** Ends it with CANCELLED, also at the peer. Does nothing after the end. */
  cancel(): void;
  /** Stops `message` until `resume`, and with it, when buffers are full, the peer. */
  pause(): void;
  resume(): void;
}

/** A connection on which calls are made: to a worker, or to a director. */
export interface Connection {
  readonly address: string;
  /** Never throws; what goes wrong arrives in `ended`, always after this returns. */
  start(call: CallStart, listener: CallListener): OutgoingCall;
  isReady(): boolean;
  /** Of the latest PING that kept it alive; absent where none was answered yet, or none is sent. */
  readonly roundTripMs?: number | undefined;
  /** Calls `listener` after every change of `isReady`. Ends with the connection. */
  onReadiness(listener: (ready: boolean, reason: string) => void): void;
  /** Ends the calls in flight with WORKER_LOST. Twice is once. */
  close(): void;
}

/** What the serving side of an incoming call is told. After `cancelled`, nothing. */
export interface IncomingListener {
  message(bytes: Uint8Array): void;
  /** The caller sends no more. */
  halfClosed(): void;
  /** The caller cancelled, its deadline passed, or its connection broke. Not told after `finish`. */
  cancelled(): void;
  /** After `send` returned false: more may be sent now. */
  drained?(): void;
}

/** The certificate that a caller showed, after it was verified: what is read of Node's `tls.PeerCertificate`. */
export interface PeerCertificate {
  readonly subject: Readonly<Record<string, string | string[] | undefined>>;
  readonly issuer: Readonly<Record<string, string | string[] | undefined>>;
  /** Such as "DNS:a.example, URI:spiffe://a/b". */
  readonly subjectaltname?: string | undefined;
  readonly fingerprint256: string;
  readonly serialNumber: string;
  /** DER. */
  readonly raw: Uint8Array;
}

/** A call a peer made here. */
export interface IncomingCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  /** Time that was left when the call arrived; `undefined` without a deadline. */
  readonly timeoutMs: number | undefined;
  /** Address of the caller, for logs. */
  readonly peer: string;
  /** `:authority`: how the caller named this server. */
  readonly authority?: string | undefined;
  /** Undefined over plain text, and where no client certificates are asked for. */
  peerCertificate?(): PeerCertificate | undefined;
  /** Aborts when the process that serves it is being taken out of service. Absent where nobody would tell. */
  readonly draining?: AbortSignal | undefined;
  /** The connection that it came over, where that matters to calls of others. */
  readonly source?: CallSource | undefined;
  /** How its messages are to be sent on; of calls of this process. */
  readonly compression?: MessageCompression | undefined;
  /** What its metadata asks of a worker, where finding that out is cheaper than by its metadata. */
  asks?(): CallAsks;
  /** Begins to deliver. Once. */
  listen(listener: IncomingListener): void;
  /** Tells the caller that the call was taken: once, before anything else. Absent where there is no way to say it. */
  accept?(by: Acceptance): void;
  /** Initial metadata; at most once and before the first `send`, which otherwise sends empty ones. */
  sendHeaders(metadata: CallMetadata): void;
  /**
   * How messages of the answer are sent, where the caller says that it can read such. Counts before the headers are sent, and after that only
   * to leave it off. Absent where nothing but whole messages as they are can be sent.
   */
  compress?(compression: MessageCompression): void;
  send(bytes: Uint8Array): boolean;
  finish(end: Omit<CallEnd, "error">): void;
  pause(): void;
  resume(): void;
}

/** What must be known of a method to route and retry it. */
export interface MethodTraits {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** The contract says `idempotency_level = IDEMPOTENT` or `NO_SIDE_EFFECTS`. */
  readonly idempotent: boolean;
  /** The contract says `option (heddle.v1.resumable) = true`, and the answer is a stream. */
  readonly resumable: boolean;
}
