import type { CallMetadata } from "../../../src/core/call-metadata";
import type { Status } from "../../../src/core/status";

/** What the cases are written against: the words of a gRPC client, whatever stack is behind them. */

export type TestMethod =
  | "EmptyCall"
  | "UnaryCall"
  | "StreamingOutputCall"
  | "StreamingInputCall"
  | "FullDuplexCall"
  | "HalfDuplexCall"
  | "UnimplementedCall";

export interface CallInput {
  readonly metadata?: CallMetadata;
  readonly timeoutMs?: number;
}

/** How a call ended; statuses are results here, because most cases look at them. */
export interface CallStatus {
  readonly code: Status;
  /** As the server sent it. */
  readonly details: string;
  readonly trailers: CallMetadata;
}

export interface CallOutcome<Response> {
  /** Of a unary call that is OK. */
  readonly response: Response | undefined;
  readonly status: CallStatus;
  readonly headers: CallMetadata;
}

export interface ChannelSettings {
  /** Of all requests. Default: none. */
  readonly compression?: "gzip" | "deflate";
}

/** A client of its own to an interop server, or to a director before it. */
export interface InteropChannel {
  unary<Response>(method: TestMethod, request: object, input?: CallInput): Promise<CallOutcome<Response>>;
  /** The method of a service that no server has. */
  unimplementedService(): Promise<CallOutcome<object>>;
  open<Request extends object, Response extends object>(
    method: TestMethod,
    input?: CallInput,
  ): InteropStream<Request, Response>;
  close(): void;
}

/** A call of the streaming kinds, message by message. */
export interface InteropStream<Request extends object, Response extends object> {
  readonly headers: Promise<CallMetadata>;
  /** Settles with whatever status the call ends. */
  readonly status: Promise<CallStatus>;
  send(request: Request): void;
  /** On a channel that compresses, not to be mixed with `send`. Resolves when the message was taken. */
  sendCompressed(request: Request, compressed: boolean): Promise<void>;
  halfClose(): void;
  cancel(): void;
  /** The next answer; `undefined` when the call has ended. */
  next(): Promise<Response | undefined>;
}
