import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import { HostClock } from "./host-clock";
import { MemoryConnection } from "./memory-connection";
import { MemoryLink } from "./memory-link";
import { MemoryPipe } from "./memory-pipe";
import { MemoryServer } from "./memory-server";

/** A process: what runs on it stops when it is frozen, and ends when it crashes. Its name is the host part of its addresses. */
export interface MemoryHost {
  readonly name: string;
  readonly clock: HostClock;
  frozen: boolean;
  dead: boolean;
}

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

  /** Ends one block; what it held back arrives. */
  unblock(from: string, to: string): void {
    if (!this.#blocked.delete(`${from}>${to}`)) return;
    this.note(`unblock ${from} ${to}`);
    for (const link of [...this.#links]) link.release();
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

  /** Connections that are up, or that one end still takes for it. */
  get links(): number {
    return this.#links.size;
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
