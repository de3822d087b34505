import type { EventEmitter } from "node:events";

import { Metadata, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js";

import type { IncomingCall } from "../core/call";
import { messageOf } from "../core/errors";
import { Status } from "../core/status";
import { fromGrpcMetadata, toGrpcMetadata } from "./metadata";

type AuthContext = ReturnType<ServerUnaryCall<unknown, unknown>["getAuthContext"]>;
/** What a callback takes as its error. */
export type GrpcJsError = NonNullable<Parameters<sendUnaryData<unknown>>[0]>;

/** How one method's messages become bytes and back. */
export interface MethodCodec {
  deserialize(bytes: Buffer): unknown;
  serialize(message: unknown): Uint8Array;
}

/** What the handler holds: an emitter, and for streams more. */
export interface CallSurface extends EventEmitter {
  cancelled: boolean;
  /** Streams only. */
  destroy?(): unknown;
}

export interface EndStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata | undefined;
}

export const OK: EndStatus = { code: Status.OK, details: "", metadata: undefined };

/** In the words of grpc-js. */
export const UNREADABLE_REQUEST = "Error deserializing request";
export const UNWRITABLE_ANSWER = "Error serializing response";

const DESTROYED: EndStatus = {
  code: Status.CANCELLED,
  details: "the handler destroyed the call",
  metadata: undefined,
};

/**
 * A call below the object that a grpc-js handler holds: what `ServerInterceptingCall` is in grpc-js, and with its rules and words.
 * - G1 one end, whoever makes it; what comes after it is dropped.
 * - G2 after the end the handler's object emits "cancelled" and is destroyed, in the next tick, also after an answer that was OK: so
 *   does grpc-js, and handlers clean up there.
 */
export class GrpcJsCall {
  readonly path: string;
  readonly peer: string;
  readonly host: string;
  /** Unix time in milliseconds; Infinity for none. */
  readonly deadline: number;
  readonly #call: IncomingCall;
  readonly #codec: MethodCodec;
  #surface: CallSurface | undefined;
  /** Made when somebody asks. */
  #metadata: Metadata | undefined;
  #headersSent = false;
  #isOver = false;
  #written: (() => void) | undefined;

  constructor(call: IncomingCall, codec: MethodCodec) {
    this.path = call.path;
    this.peer = call.peer;
    this.host = call.authority ?? "";
    // grpc-js's deadlines are of the wall clock.
    // eslint-disable-next-line no-restricted-syntax
    this.deadline = call.timeoutMs === undefined ? Infinity : new Date().getTime() + call.timeoutMs;
    this.#call = call;
    this.#codec = codec;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get metadata(): Metadata {
    return (this.#metadata ??= toGrpcMetadata(this.#call.metadata));
  }

  get authContext(): AuthContext {
    const certificate = this.#call.peerCertificate?.() as AuthContext["sslPeerCertificate"];
    return certificate === undefined ? {} : { transportSecurityType: "ssl", sslPeerCertificate: certificate };
  }

  /** Which object is told of the end. */
  shownAs(surface: CallSurface): void {
    this.#surface = surface;
  }

  /** Begins to deliver. A message that cannot be read ends the call. */
  listen(to: { message(message: unknown): void; halfClosed(): void }): void {
    this.#call.listen({
      message: (bytes) => {
        if (this.#isOver) return;
        let message: unknown;
        try {
          message = this.#codec.deserialize(bytes as Buffer);
        } catch {
          this.sendStatus({ code: Status.INTERNAL, details: UNREADABLE_REQUEST, metadata: undefined });
          return;
        }
        to.message(message);
      },
      halfClosed: () => {
        if (!this.#isOver) to.halfClosed();
      },
      drained: () => {
        const written = this.#written;
        this.#written = undefined;
        written?.();
      },
      cancelled: () => this.#close(),
    });
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    if (!this.#isOver) this.#call.resume();
  }

  sendMetadata(metadata: Metadata): void {
    if (this.#isOver || this.#headersSent) return;
    this.#headersSent = true;
    this.#call.sendHeaders(fromGrpcMetadata(metadata));
  }

  /** `written` is called when the next one may come; never, if the call ends before. */
  sendMessage(message: unknown, written: () => void): void {
    if (this.#isOver) return;
    let bytes: Uint8Array;
    try {
      bytes = this.#codec.serialize(message);
    } catch {
      this.sendStatus({ code: Status.INTERNAL, details: UNWRITABLE_ANSWER, metadata: undefined });
      return;
    }
    this.#headersSent = true;
    if (this.#call.send(bytes)) written();
    else this.#written = written;
  }

  /** The answer of a method that gives one: what its callback is given. */
  respond(error: GrpcJsError | null, message: unknown, trailers?: Metadata): void {
    if (error) {
      this.sendStatus(statusOfError(error, trailers));
      return;
    }
    this.sendMessage(message, () => {});
    this.sendStatus({ ...OK, metadata: trailers });
  }

  sendStatus({ code, details, metadata }: EndStatus): void {
    if (this.#isOver) return;
    const trailers = fromGrpcMetadata(metadata ?? new Metadata());
    this.#call.finish({ status: code as Status, message: details.toWellFormed(), trailers });
    this.#close();
  }

  /** The handler threw, which grpc-js tells nobody. */
  threw(): void {
    this.sendStatus({ code: Status.UNKNOWN, details: "Unknown error", metadata: undefined });
  }

  /** The handler, or a listener of its, failed where grpc-js would let the process end. */
  failWith(error: unknown): void {
    if (this.#isOver) process.emitWarning(`${this.path}: a listener failed after the call: ${messageOf(error)}`);
    else this.sendStatus(statusOfError(isObject(error) ? error : new Error(messageOf(error))));
  }

  /** The handler destroyed its stream. grpc-js would leave the call open. */
  endOfDestroyed(error: Error | null): void {
    if (this.#isOver) return;
    this.sendStatus(error ? statusOfError(error) : DESTROYED);
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#written = undefined;
    process.nextTick(() => this.#tellEnd());
  }

  #tellEnd(): void {
    const surface = this.#surface;
    if (surface === undefined) return;
    surface.cancelled = true;
    surface.emit("cancelled", "cancelled");
    surface.destroy?.();
  }
}

/** What a handler gave as an error: its code and details where it has them, as grpc-js reads them. */
export function statusOfError(error: GrpcJsError, trailers?: Metadata): EndStatus {
  const metadata = trailers ?? error.metadata ?? undefined;
  const message = "message" in error ? messageOf(error) : "Unknown Error";
  if (!Number.isInteger(error.code)) return { code: Status.UNKNOWN, details: message, metadata };
  return { code: Number(error.code), details: typeof error.details === "string" ? error.details : message, metadata };
}

function isObject(error: unknown): error is GrpcJsError {
  return typeof error === "object" && error !== null;
}
