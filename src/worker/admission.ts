import type { IncomingCall } from "../core/call";
import { FabricError } from "../core/errors";
import { refuseCall } from "../core/refuse-call";
import { AdmittedCall, type AdmittedBy } from "./admitted-call";
import { DrainSignal } from "./drain-signal";
import { RunningCalls } from "./running-calls";

/**
 * Decides which calls the worker takes, and counts them from the moment they are taken to the moment they end, however they
 * end. What is refused was not executed, and says so.
 */
export class Admission implements AdmittedBy {
  readonly #slots: number;
  readonly #drainSignal: DrainSignal;
  readonly #running = new RunningCalls();
  readonly #idle: (() => void)[] = [];
  #refusal: FabricError | undefined;

  /** `slots` 0 means no bound. */
  constructor(slots: number, drainSignal = new DrainSignal()) {
    this.#slots = slots;
    this.#drainSignal = drainSignal;
  }

  /** Aborted while the worker drains. */
  get draining(): AbortSignal {
    return this.#drainSignal.signal;
  }

  get inFlight(): number {
    return this.#running.count;
  }

  isServing(): boolean {
    return this.#refusal === undefined;
  }

  /** Refuses every new call with this error until `open`. Those in flight go on. */
  refuse(error: FabricError): void {
    this.#refusal = error;
  }

  open(): void {
    this.#refusal = undefined;
  }

  /** Ends every call in flight with this error. */
  failAll(error: FabricError): void {
    for (const running of this.#running.all()) running.fail(error);
  }

  /** Resolves when no call is in flight. */
  whenIdle(): Promise<void> {
    if (this.#running.count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Runs the call, or refuses it. */
  serve(call: IncomingCall, run: (call: IncomingCall) => void): void {
    const refusal = this.#refusal ?? this.#fullness();
    if (refusal) {
      refuseCall(call, refusal);
      return;
    }
    const admitted = new AdmittedCall(call, this);
    this.#running.add(admitted);
    run(admitted);
  }

  /** Of an admitted call, once. */
  ended(call: AdmittedCall): void {
    this.#running.remove(call);
    if (this.#running.count === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #fullness(): FabricError | undefined {
    if (this.#slots === 0 || this.#running.count < this.#slots) return undefined;
    return new FabricError("WORKER_FULL", `all ${this.#slots} slots are in use`);
  }
}
