import type { CallListener, CallStart, Connection, IncomingCall, OutgoingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import type { CancelTimer, Clock } from "../../src/core/clock";
import { FabricError } from "../../src/core/errors";
import type { Random } from "../../src/core/random";
import { Status } from "../../src/core/status";
import { HostClock } from "./host-clock";
import { MemoryCall, type CallCarrier } from "./memory-call";
import { MemoryPipe } from "./memory-pipe";

/** A process: what runs on it stops when it is frozen, and ends when it crashes. Its name is the host part of its addresses. */
export interface MemoryHost {
  readonly name: string;
  readonly clock: HostClock;
  frozen: boolean;
  dead: boolean;
}

const RECONNECT_MS = 200;
/** How long an attempt to connect may take: a peer that accepts and stays silent must not hold it for ever. */
const CONNECT_TIMEOUT_MS = 3_000;

const hostOf = (address: string) => address.slice(0, address.lastIndexOf(":"));

/**
 * A network of the seams Connection and IncomingCall on a virtual clock. Packets keep their order on a connection and take a
 * time that the seed decides; so the same seed gives the same log.
 */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #servers = new Map<string, MemoryServer>();
  readonly #links = new Set<MemoryLink>();
  readonly #blocked = new Set<string>();
  readonly #log: string[] = [];
  #linkCount = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** What happened, a line each, with its time. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** The process of that name; a new one after a crash. */
  host(name: string): MemoryHost {
    const known = this.#hosts.get(name);
    if (known && !known.dead) return known;
    const host = { name, clock: new HostClock(this.#clock), frozen: false, dead: false };
    this.#hosts.set(name, host);
    return host;
  }

  server(host: MemoryHost): MemoryServer {
    return new MemoryServer(this, host);
  }

  /** `keepaliveMs` 0 sends no pings: then a peer that falls silent goes unnoticed. */
  connect(host: MemoryHost, address: string, options: { readonly keepaliveMs: number }): MemoryConnection {
    return new MemoryConnection(this, host, address, options.keepaliveMs);
  }

  /** Resets the connections that `client` made to `server`. New ones may be made at once. */
  cut(client: string, server: string): void {
    this.note(`cut ${client} ${server}`);
    for (const link of [...this.#links]) {
      if (link.client.name !== client || link.server.name !== server) continue;
      link.breakClient("connection reset");
      link.breakServer();
    }
  }

  /** Nothing gets from one to the other, and nobody is told. */
  block(from: string, to: string): void {
    this.note(`block ${from} ${to}`);
    this.#blocked.add(`${from}>${to}`);
  }

  partition(a: string, b: string): void {
    this.block(a, b);
    this.block(b, a);
  }

  /** Ends every block. What was held back arrives. */
  heal(): void {
    this.note("heal");
    this.#blocked.clear();
    for (const link of [...this.#links]) link.release();
  }

  /** Stops a process: it hears nothing and its timers wait. Its kernel still accepts what is sent. */
  freeze(name: string): void {
    this.note(`freeze ${name}`);
    const host = this.host(name);
    host.frozen = true;
    host.clock.freeze();
  }

  thaw(name: string): void {
    this.note(`thaw ${name}`);
    const host = this.host(name);
    host.frozen = false;
    for (const link of [...this.#links]) link.release();
    host.clock.thaw();
  }

  /** Kills a process. Its kernel resets its connections. */
  crash(name: string): void {
    this.note(`crash ${name}`);
    const host = this.host(name);
    host.dead = true;
    host.clock.kill();
    for (const [address, server] of this.#servers) if (server.host === host) this.#servers.delete(address);
    for (const link of [...this.#links]) {
      if (link.client === host) link.toServer.send(() => link.breakServer());
      if (link.server === host) link.toClient.send(() => link.breakClient("connection reset"));
    }
  }

  note(event: string): void {
    this.#log.push(`${this.#clock.monotonicMs()} ${event}`);
  }

  isBlocked(from: MemoryHost, to: MemoryHost): boolean {
    return to.frozen || this.#blocked.has(`${from.name}>${to.name}`);
  }

  bind(address: string, server: MemoryServer): string {
    if (this.#servers.has(address)) throw new FabricError("INVALID_ARGUMENT", `${address} is in use`);
    this.#servers.set(address, server);
    return address;
  }

  unbind(server: MemoryServer): void {
    for (const [address, bound] of this.#servers) if (bound === server) this.#servers.delete(address);
  }

  linksOf(server: MemoryServer): readonly MemoryLink[] {
    return [...this.#links].filter((link) => link.target === server);
  }

  pipe(from: MemoryHost, to: MemoryHost): MemoryPipe {
    return new MemoryPipe({
      clock: this.#clock,
      delayMs: () => 1 + this.#random.below(3),
      isBlocked: () => this.isBlocked(from, to),
    });
  }

  /** A handshake there and back. Tells of success or refusal; of silence, nothing. */
  dial(client: MemoryHost, address: string, connected: (link: MemoryLink) => void, refused: () => void): void {
    const server = this.host(hostOf(address));
    const toServer = this.pipe(client, server);
    const toClient = this.pipe(server, client);
    toServer.send(() => {
      const target = this.#servers.get(address);
      if (!target) {
        toClient.send(refused);
        return;
      }
      this.#linkCount += 1;
      const link = new MemoryLink(this, this.#linkCount, client, target, toServer, toClient);
      this.#links.add(link);
      toClient.send(() => connected(link));
    });
  }

  forget(link: MemoryLink): void {
    this.#links.delete(link);
  }
}

/** An established connection. Each end learns of its break by itself. */
class MemoryLink {
  readonly id: number;
  readonly client: MemoryHost;
  readonly server: MemoryHost;
  readonly target: MemoryServer;
  readonly toServer: MemoryPipe;
  readonly toClient: MemoryPipe;
  readonly #network: MemoryNetwork;
  readonly #calls = new Set<MemoryCall>();
  #clientBroken: ((reason: string) => void) | undefined;
  #goneAway: (() => void) | undefined;
  #clientUp = true;
  #serverUp = true;
  #drained: () => void = () => {};

  constructor(
    network: MemoryNetwork,
    id: number,
    client: MemoryHost,
    target: MemoryServer,
    toServer: MemoryPipe,
    toClient: MemoryPipe,
  ) {
    this.#network = network;
    this.id = id;
    this.client = client;
    this.server = target.host;
    this.target = target;
    this.toServer = toServer;
    this.toClient = toClient;
  }

  get isUp(): boolean {
    return this.#clientUp;
  }

  get calls(): number {
    return this.#calls.size;
  }

  follow(told: { broken(reason: string): void; goneAway(): void }): void {
    this.#clientBroken = told.broken;
    this.#goneAway = told.goneAway;
  }

  begin(call: MemoryCall): void {
    this.#calls.add(call);
    const carrier: CallCarrier = {
      toServer: this.toServer,
      toClient: this.toClient,
      serverClock: this.server.clock,
      clientAddress: `${this.client.name}:${this.id}`,
      arrived: (incoming) => {
        if (this.#serverUp) this.target.take(incoming);
      },
      ended: (over) => {
        this.#calls.delete(over);
        if (this.#calls.size === 0) this.#drained();
      },
    };
    call.begin(carrier);
  }

  breakClient(reason: string): void {
    if (!this.#clientUp) return;
    this.#clientUp = false;
    this.#network.note(`link ${this.id} ${this.client.name}>${this.server.name} down at client: ${reason}`);
    for (const call of [...this.#calls]) call.clientBroken("WORKER_LOST", reason);
    this.#clientBroken?.(reason);
    this.#forgetIfDown();
  }

  breakServer(): void {
    if (!this.#serverUp) return;
    this.#serverUp = false;
    for (const call of [...this.#calls]) call.serverBroken();
    this.#forgetIfDown();
  }

  /** GOAWAY: no new calls on it; resolves when the present ones have ended. */
  drain(): Promise<void> {
    this.toClient.send(() => this.#goneAway?.());
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#drained = resolve));
  }

  release(): void {
    this.toServer.release();
    this.toClient.release();
  }

  #forgetIfDown(): void {
    this.#drained();
    if (this.#clientUp || this.#serverUp) return;
    this.toServer.close();
    this.toClient.close();
    this.#network.forget(this);
  }
}

/** The serving side of an address: what a GrpcServer is on a real network. */
export class MemoryServer {
  readonly host: MemoryHost;
  readonly #network: MemoryNetwork;
  readonly #handlers = new Map<string, (call: IncomingCall) => void>();
  #unknown: ((call: IncomingCall) => void) | undefined;

  constructor(network: MemoryNetwork, host: MemoryHost) {
    this.#network = network;
    this.host = host;
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#handlers.set(path, handler);
  }

  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#unknown = handler;
  }

  listen(address: string): Promise<string> {
    return Promise.resolve(this.#network.bind(address, this));
  }

  async drain(): Promise<void> {
    this.#network.unbind(this);
    await Promise.all(this.#network.linksOf(this).map((link) => link.drain()));
  }

  close(): void {
    this.#network.unbind(this);
    for (const link of this.#network.linksOf(this)) {
      link.breakServer();
      link.toClient.send(() => link.breakClient("connection closed by the server"));
    }
  }

  take(call: IncomingCall): void {
    const handler = this.#handlers.get(call.path) ?? this.#unknown;
    if (handler) {
      handler(call);
      return;
    }
    call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
    call.finish({ status: Status.UNIMPLEMENTED, message: `no ${call.path}`, trailers: new CallMetadata() });
  }
}

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
