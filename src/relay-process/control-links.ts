import type { Connection, IncomingCall } from "../core/call";
import type { CancelTimer, Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import { ControlCall } from "./control-call";

/** A link without calls is kept for as long: a client that asked once often asks again. */
const IDLE_MS = 10_000;
/** What a call waits for its link. The director is on the same machine, so it takes longer only if that stands still. */
const WAIT_MS = 5_000;

/**
 * The ways from a relay process to its director, for calls of the director's own services: one for each connection of a client that
 * makes such calls, so that what one client does to its link (floods, half-sent requests, cancels) concerns no other.
 */
export class ControlLinks {
  readonly #clock: Clock;
  readonly #dial: () => Connection;
  readonly #byClient = new WeakMap<object, ControlLink>();
  readonly #links = new Set<ControlLink>();

  constructor(clock: Clock, dial: () => Connection) {
    this.#clock = clock;
    this.#dial = dial;
  }

  /** @param client - the same object for all calls of a client's connection, and for no others */
  pass(call: IncomingCall, client: object): void {
    let link = this.#byClient.get(client);
    if (link === undefined || link.isClosed) {
      const made: ControlLink = new ControlLink(this.#clock, this.#dial(), () => this.#links.delete(made));
      link = made;
      this.#byClient.set(client, made);
      this.#links.add(made);
    }
    link.pass(call);
  }

  close(): void {
    for (const link of [...this.#links]) link.close();
  }
}

class ControlLink {
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #closed: () => void;
  /** Calls that came before the connection was there, and what ends their patience. */
  readonly #waiting = new Map<ControlCall, CancelTimer>();
  #calls = 0;
  #cancelIdle: CancelTimer = () => {};
  isClosed = false;

  constructor(clock: Clock, connection: Connection, closed: () => void) {
    this.#clock = clock;
    this.#connection = connection;
    this.#closed = closed;
    connection.onReadiness((ready) => {
      if (!ready) return;
      for (const call of [...this.#waiting.keys()]) {
        this.#endWait(call);
        call.start(connection);
      }
    });
  }

  pass(incoming: IncomingCall): void {
    this.#calls += 1;
    this.#cancelIdle();
    const call: ControlCall = new ControlCall(incoming, () => {
      this.#endWait(call);
      this.#calls -= 1;
      if (this.#calls === 0 && !this.isClosed) this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.close());
    });
    if (this.#connection.isReady()) {
      call.start(this.#connection);
      return;
    }
    const tooLate = new FabricError(
      "DIRECTOR_UNREACHABLE",
      `the director's process does not answer within ${WAIT_MS} ms`,
    );
    this.#waiting.set(
      call,
      this.#clock.after(WAIT_MS, () => call.refuse(tooLate)),
    );
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#cancelIdle();
    this.#connection.close();
    this.#closed();
  }

  #endWait(call: ControlCall): void {
    this.#waiting.get(call)?.();
    this.#waiting.delete(call);
  }
}
