import type { CallListener, CallStart, Connection, OutgoingCall } from "../core/call";
import type { CancelTimer } from "../core/clock";
import { MemoryCall } from "./memory-call";
import type { MemoryHost } from "./memory-host";
import type { MemoryLink } from "./memory-link";
import type { MemoryNetwork } from "./memory-network";

const RECONNECT_MS = 200;
/** How long an attempt to connect may take: a peer that accepts and stays silent must not hold it for ever. */
const CONNECT_TIMEOUT_MS = 3_000;

/** Connects by itself until closed, like a GrpcConnection. Calls wait for an attempt that is under way, and for no other. */
export class MemoryConnection implements Connection {
  readonly address: string;
  readonly #network: MemoryNetwork;
  readonly #host: MemoryHost;
  readonly #keepaliveMs: number;
  readonly #listeners: ((ready: boolean, reason: string) => void)[] = [];
  readonly #calls = new Set<MemoryCall>();
  readonly #waiting = new Set<MemoryCall>();
  #link: MemoryLink | undefined;
  readonly #old = new Set<MemoryLink>();
  #connecting = false;
  #closed = false;
  #ready = false;
  #cancelTimer: CancelTimer = () => {};

  constructor(network: MemoryNetwork, host: MemoryHost, address: string, keepaliveMs: number) {
    this.address = address;
    this.#network = network;
    this.#host = host;
    this.#keepaliveMs = keepaliveMs;
    this.#connect();
  }

  isReady(): boolean {
    return this.#ready;
  }

  onReadiness(listener: (ready: boolean, reason: string) => void): void {
    this.#listeners.push(listener);
  }

  start(start: CallStart, listener: CallListener): OutgoingCall {
    const name = `${this.#host.name}>${this.address} ${start.path}`;
    this.#network.note(`call ${name}`);
    const call = new MemoryCall(start, listener, this.#host.clock, (what) => {
      this.#calls.delete(call);
      this.#waiting.delete(call);
      this.#network.note(`end ${name} ${what}`);
    });
    this.#calls.add(call);
    if (this.#link) this.#link.begin(call);
    else if (this.#connecting) this.#waiting.add(call);
    else call.clientBroken("WORKER_UNREACHABLE", "No connection established");
    return call.outgoing;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelTimer();
    for (const link of [this.#link, ...this.#old]) {
      link?.toServer.send(() => link.breakServer());
      link?.breakClient("closed");
    }
    for (const call of [...this.#calls]) call.clientBroken("WORKER_LOST", "closed");
    this.#setReady(false, "closed");
    this.#listeners.length = 0;
  }

  #connect(): void {
    this.#connecting = true;
    let settled = false;
    const once = (action: () => void) => () => {
      if (settled || this.#closed || this.#host.dead) return;
      settled = true;
      this.#connecting = false;
      cancelTimeout();
      action();
    };
    const cancelTimeout = this.#host.clock.after(
      CONNECT_TIMEOUT_MS,
      once(() => this.#failed("no answer to the handshake")),
    );
    this.#cancelTimer = cancelTimeout;
    this.#network.dial(
      this.#host,
      this.address,
      (link) => {
        if (settled || this.#closed) {
          link.breakClient("not wanted any more");
          link.toServer.send(() => link.breakServer());
          return;
        }
        once(() => this.#connected(link))();
      },
      once(() => this.#failed("connection refused")),
    );
  }

  #connected(link: MemoryLink): void {
    if (!link.isUp) {
      this.#failed("connection reset");
      return;
    }
    this.#link = link;
    link.follow({
      broken: (reason) => {
        this.#old.delete(link);
        if (this.#link === link) this.#lost(reason);
      },
      goneAway: () => {
        if (this.#link !== link) return;
        this.#old.add(link);
        this.#lost("the server goes away");
      },
    });
    this.#network.note(`link ${link.id} ${this.#host.name}>${this.address} up`);
    for (const call of [...this.#waiting]) link.begin(call);
    this.#waiting.clear();
    if (this.#keepaliveMs > 0) this.#ping(link);
    this.#setReady(true, "connected");
  }

  #ping(link: MemoryLink): void {
    this.#host.clock.after(this.#keepaliveMs, () => {
      if (!link.isUp) return;
      let answered = false;
      link.toServer.send(() => link.toClient.send(() => (answered = true)));
      this.#host.clock.after(this.#keepaliveMs, () => {
        if (answered) {
          this.#ping(link);
          return;
        }
        link.toServer.send(() => link.breakServer());
        link.breakClient("keepalive ping timed out");
      });
    });
  }

  #lost(reason: string): void {
    this.#link = undefined;
    this.#setReady(false, reason);
    if (!this.#closed) this.#cancelTimer = this.#host.clock.after(1, () => this.#connect());
  }

  #failed(reason: string): void {
    for (const call of [...this.#waiting]) call.clientBroken("WORKER_UNREACHABLE", reason);
    this.#waiting.clear();
    this.#cancelTimer = this.#host.clock.after(RECONNECT_MS, () => this.#connect());
  }

  #setReady(ready: boolean, reason: string): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const listener of [...this.#listeners]) listener(ready, reason);
  }
}
