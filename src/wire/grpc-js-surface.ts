import { EventEmitter } from "node:events";
import { Duplex, Writable } from "node:stream";

import type { Metadata, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";

import { OK, statusOfError, type GrpcJsCall } from "./grpc-js-call";

type MetricsRecorder = ReturnType<ServerUnaryCall<unknown, unknown>["getMetricsRecorder"]>;

/** The objects that handlers of grpc-js hold, with the members and events that grpc-js gives them. */

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what TypeScript wants of a class that others are mixed into
type EmitterClass = new (...args: any[]) => EventEmitter;

/** What the objects of all four kinds have: grpc-js's ServerSurfaceCall. */
function surfaceOf<Base extends EmitterClass>(Base: Base) {
  return class extends Base {
    /** Set before `cancelled`, its event, also where a call has ended otherwise. */
    cancelled = false;
    below!: GrpcJsCall;

    standOn(below: GrpcJsCall): void {
      this.below = below;
      below.shownAs(this);
    }

    get metadata(): Metadata {
      return this.below.metadata;
    }

    getPeer(): string {
      return this.below.peer;
    }

    getPath(): string {
      return this.below.path;
    }

    getHost(): string {
      return this.below.host;
    }

    getDeadline() {
      return this.below.deadline;
    }

    getAuthContext() {
      return this.below.authContext;
    }

    getMetricsRecorder(): MetricsRecorder {
      return UNSENT_METRICS;
    }

    sendMetadata(metadata: Metadata): void {
      this.below.sendMetadata(metadata);
    }

    /** A listener that throws ends its call, and nobody else's: it is called from within the connection. */
    override emit(event: string | symbol, ...args: unknown[]): boolean {
      try {
        return super.emit(event, ...args);
      } catch (error) {
        this.below.failWith(error);
        return true;
      }
    }
  };
}

/** Of unary methods. */
export class UnaryCall extends surfaceOf(EventEmitter) implements ServerUnaryCall<unknown, unknown> {
  readonly request: unknown;

  constructor(below: GrpcJsCall, request: unknown) {
    super();
    this.standOn(below);
    this.request = request;
  }
}

/** Of methods that answer in a stream. An "error" that is emitted ends the call with it, after what was written before. */
export class WritableCall extends surfaceOf(Writable) implements ServerWritableStream<unknown, unknown> {
  readonly request: unknown;
  readonly #end = new StreamEnd();

  constructor(below: GrpcJsCall, request: unknown) {
    super({ objectMode: true });
    this.standOn(below);
    this.request = request;
    this.on("error", (error) => this.#end.fail(error, () => this.end()));
  }

  override _write(message: unknown, _encoding: string, written: () => void): void {
    this.below.sendMessage(message, written);
  }

  override _final(done: () => void): void {
    done();
    this.#end.send(this.below);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.below.endOfDestroyed(error);
    done(error);
  }

  override end(metadata?: unknown): this {
    this.#end.trailers = (metadata as Metadata | undefined) ?? this.#end.trailers;
    return super.end();
  }
}

/** Of methods that take a stream, whatever they answer: so does grpc-js. */
export class DuplexCall extends surfaceOf(Duplex) implements ServerDuplexStream<unknown, unknown> {
  readonly #end = new StreamEnd();

  constructor(below: GrpcJsCall) {
    super({ objectMode: true });
    this.standOn(below);
    this.on("error", (error) => this.#end.fail(error, () => this.end()));
  }

  override _read(): void {
    this.below.resume();
  }

  override _write(message: unknown, _encoding: string, written: () => void): void {
    this.below.sendMessage(message, written);
  }

  override _final(done: () => void): void {
    done();
    this.#end.send(this.below);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.below.endOfDestroyed(error);
    done(error);
  }

  override end(metadata?: unknown): this {
    this.#end.trailers = (metadata as Metadata | undefined) ?? this.#end.trailers;
    return super.end();
  }
}

/** How a stream ends: as its handler said last. */
class StreamEnd {
  trailers: Metadata | undefined;
  #error: Error | undefined;

  fail(error: Error, end: () => void): void {
    this.#error = error;
    end();
  }

  send(below: GrpcJsCall): void {
    const status = this.#error ? statusOfError(this.#error) : OK;
    below.sendStatus({ ...status, metadata: status.metadata ?? this.trailers });
  }
}

/** Taken and not sent, as at a grpc-js server without `grpc.server_call_metric_recording`. */
const ignore = () => {};
const UNSENT_METRICS = {
  recordRequestCostMetric: ignore,
  recordUtilizationMetric: ignore,
  recordNamedMetric: ignore,
  recordCPUUtilizationMetric: ignore,
  recordMemoryUtilizationMetric: ignore,
  recordApplicationUtilizationMetric: ignore,
  recordQpsMetric: ignore,
  recordEpsMetric: ignore,
  serialize: () => Buffer.alloc(0),
} as unknown as MetricsRecorder;
