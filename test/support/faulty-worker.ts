import { localCall } from "../../src/client/local-call";
import type { Acceptance, CallEnd, CallListener, CallStart, Connection, IncomingCall } from "../../src/core/call";
import type { OutgoingCall } from "../../src/core/call";
import { endOfError } from "../../src/core/call-end";
import { CallMetadata } from "../../src/core/call-metadata";
import type { Clock } from "../../src/core/clock";
import { FabricError, type ErrorCode } from "../../src/core/errors";
import { Status } from "../../src/core/status";
import { Admission } from "../../src/worker/admission";
import { KeyedCalls } from "../../src/worker/keyed-calls";

/** Where in its course a call is struck, in the order of the course. */
export const FAULT_POINTS = [
  "before connect",
  "refused",
  "before the request is out",
  "after the request, before accepted",
  "after accepted",
  "after the answer's headers",
  "within the answer's message",
  "after the last message, before trailers",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

const ANSWER = "an answer of two halves";
const HALF = Math.floor(ANSWER.length / 2);

/** The worker's own parts that decide what runs, with a handler that answers in a turn of its own. Its connection strikes calls. */
export class FaultyWorker implements Connection {
  readonly address: string;
  /** Times that the handler ran. */
  executed = 0;
  /** Calls that were made on the connection. */
  attempts = 0;
  /** Of the calls to come, in order; undefined lets one be. */
  readonly faults: (FaultPoint | undefined)[] = [];
  readonly #admission = new Admission(0);
  readonly #keyed: KeyedCalls;

  constructor(clock: Clock, memberId: string, life = `life of ${memberId}`) {
    this.address = `${memberId}:7000`;
    this.#keyed = new KeyedCalls(clock, this.#admission, { memberId, life });
  }

  get inFlight(): number {
    return this.#admission.inFlight;
  }

  start(call: CallStart, listener: CallListener): OutgoingCall {
    this.attempts += 1;
    const fault = this.faults.shift();
    const line = new StruckLine(listener, fault);
    const { outgoing, incoming } = localCall(call, line);
    line.broken = () => outgoing.cancel();
    const isSent = fault !== "before connect" && fault !== "before the request is out";
    if (fault === "refused") this.#admission.refuse(new FabricError("WORKER_DRAINING", "leaving"));
    if (isSent) this.#keyed.serve(incoming, (taken) => this.#handle(taken, line));
    if (!isSent) line.strike(fault === "before connect" ? "WORKER_UNREACHABLE" : "WORKER_LOST");
    // Calls with keys are refused when their request is whole.
    queueMicrotask(() => queueMicrotask(() => this.#admission.open()));
    return outgoing;
  }

  isReady(): boolean {
    return true;
  }

  onReadiness(): void {}

  close(): void {}

  #handle(call: IncomingCall, line: StruckLine): void {
    call.listen({
      message: () => {},
      halfClosed: () => {
        this.executed += 1;
        line.handlerRuns();
        setImmediate(() => {
          call.sendHeaders(new CallMetadata());
          call.send(Buffer.from(ANSWER));
          call.finish({ status: Status.OK, message: "", trailers: new CallMetadata() });
        });
      },
      cancelled: () => {},
    });
  }
}

/** What goes back to the caller, until the fault strikes: each thing in a turn of its own, as from a network. */
class StruckLine implements CallListener {
  /** Breaks the other end. */
  broken: () => void = () => {};
  readonly #listener: CallListener;
  readonly #fault: FaultPoint | undefined;
  #over = false;

  constructor(listener: CallListener, fault: FaultPoint | undefined) {
    this.#listener = listener;
    this.#fault = fault;
  }

  strike(code: ErrorCode): void {
    if (this.#over) return;
    this.#over = true;
    const error = new FabricError(code, "the test struck");
    queueMicrotask(() => {
      this.#listener.ended({ ...endOfError(error), error });
      this.broken();
    });
  }

  handlerRuns(): void {
    // With "after accepted", by then the caller has been told.
    if (this.#fault === "after the request, before accepted" || this.#fault === "after accepted") {
      queueMicrotask(() => this.strike("WORKER_LOST"));
    }
  }

  accepted(by: Acceptance): void {
    if (this.#fault !== "after the request, before accepted") this.#tell(() => this.#listener.accepted?.(by));
  }

  headers(metadata: CallMetadata): void {
    this.#tell(() => this.#listener.headers(metadata));
    if (this.#fault === "after the answer's headers") this.strike("WORKER_LOST");
  }

  message(bytes: Uint8Array): void {
    if (this.#fault === "within the answer's message") {
      this.#tell(() => this.#listener.message(bytes.subarray(0, HALF)));
      this.strike("WORKER_LOST");
      return;
    }
    this.#tell(() => this.#listener.message(bytes));
    if (this.#fault === "after the last message, before trailers") this.strike("WORKER_LOST");
  }

  drained(): void {
    this.#tell(() => this.#listener.drained?.());
  }

  ended(end: CallEnd): void {
    if (this.#over) return;
    this.#over = true;
    queueMicrotask(() => this.#listener.ended(end));
  }

  #tell(tell: () => void): void {
    if (!this.#over) queueMicrotask(tell);
  }
}
