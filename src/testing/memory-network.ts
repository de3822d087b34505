import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Random } from "../core/random";
import { HostClock } from "./host-clock";
import { MemoryConnection } from "./memory-connection";
import { hostOf, OPERATOR_HOST, type MemoryHost } from "./memory-host";
import { MemoryLink } from "./memory-link";
import { MemoryPipe } from "./memory-pipe";
import { MemoryServer } from "./memory-server";
import { GOOD_NETWORK, happens, networkConditions, packetMs, type NetworkConditions } from "./network-conditions";
import type { NetworkPath } from "./network-path";

export type { MemoryHost } from "./memory-host";

/** Some hundred bytes each; when there are more, the older half is dropped. */
const LOG_LINES_MAX = 500_000;

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
  readonly #otherPipes = new Set<MemoryPipe>();
  readonly #paths = new Map<string, NetworkPath>();
  readonly #log: string[] = [];
  #conditions: NetworkConditions;
  #linkCount = 0;

  constructor(clock: Clock, random: Random, conditions: Partial<NetworkConditions> = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#conditions = networkConditions(GOOD_NETWORK, conditions);
  }

  /** What happened, a line each, with its time. Of more than 500,000 lines the older half is dropped. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** The process of that name; a new one after a crash. */
  host(name: string): MemoryHost {
    const known = this.#hosts.get(name);
    if (known && !known.dead) return known;
    if (known?.off) this.#resetLinksOf(known);
    const host = { name, clock: new HostClock(this.#clock), frozen: false, dead: false, off: false };
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

  /** Changes what the network does to packets from now on: everywhere, or on the way from one process to another only. */
  degrade(change: Partial<NetworkConditions>, path?: { readonly from: string; readonly to: string }): void {
    this.note(`degrade ${path ? `${path.from}>${path.to}` : "all"} ${JSON.stringify(change)}`);
    if (!path) {
      this.#conditions = networkConditions(this.#conditions, change);
      return;
    }
    const known = this.#path(path.from, path.to);
    known.conditions = networkConditions(known.conditions ?? this.#conditions, change);
  }

  /** Resets the connections that `client` made to `server`. New ones may be made at once. */
  cut(client: string, server: string): void {
    this.note(`cut ${client} ${server}`);
    for (const link of [...this.#links]) {
      if (link.client.name === client && link.server.name === server) link.reset("connection reset");
    }
  }

  /** Nothing gets from one to the other, and nobody is told. */
  block(from: string, to: string): void {
    this.note(`block ${from} ${to}`);
    this.#path(from, to).blocked = true;
  }

  /** Ends one block. What was held back arrives. */
  unblock(from: string, to: string): void {
    this.note(`unblock ${from} ${to}`);
    this.#path(from, to).blocked = false;
    this.#release();
  }

  partition(a: string, b: string): void {
    this.block(a, b);
    this.block(b, a);
  }

  /** Ends every block, and what `degrade` did to single paths. What was held back arrives. */
  heal(): void {
    this.note("heal");
    for (const path of this.#paths.values()) {
      path.blocked = false;
      path.conditions = undefined;
    }
    this.#release();
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
    this.#release();
    host.clock.thaw();
  }

  /** Kills a process. Its kernel resets its connections; `silently`, as when a machine loses its power, nobody does. */
  crash(name: string, { silently = false }: { readonly silently?: boolean } = {}): void {
    this.note(`crash ${name}${silently ? " silently" : ""}`);
    const host = this.host(name);
    for (const [address, server] of this.#servers) if (server.host === host) this.#servers.delete(address);
    for (const link of [...this.#links]) link.abandon(host, silently);
    host.dead = true;
    host.off = silently;
    host.clock.kill();
  }

  /** Connections that are up, or that one end still takes for it. */
  get links(): number {
    return this.#links.size;
  }

  note(event: string): void {
    this.#log.push(`${this.#clock.monotonicMs()} ${event}`);
    if (this.#log.length > LOG_LINES_MAX) this.#log.splice(0, LOG_LINES_MAX / 2);
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

  /** A direction of something that is no connection of gRPC: it is never reset. */
  pipe(from: MemoryHost, to: MemoryHost): MemoryPipe {
    const pipe = this.#pipe(from, to, () => false);
    this.#otherPipes.add(pipe);
    return pipe;
  }

  /** A handshake there and back. Tells of success or refusal; of silence, nothing. */
  dial(client: MemoryHost, address: string, connected: (link: MemoryLink) => void, refused: () => void): void {
    const server = this.#machine(hostOf(address));
    let link: MemoryLink | undefined;
    const reset = () => {
      if (link) this.#clock.after(0, () => link!.reset("connection reset"));
      return link !== undefined;
    };
    const toServer = this.#pipe(client, server, reset);
    const toClient = this.#pipe(server, client, reset);
    toServer.send(() => {
      const target = this.#servers.get(address);
      if (!target) {
        toClient.send(refused);
        return;
      }
      this.#linkCount += 1;
      const made = new MemoryLink(this, this.#linkCount, client, target, toServer, toClient);
      this.#links.add(made);
      toClient.send(() => {
        link = made;
        connected(made);
      });
    });
  }

  /** Decides whether the answer to a call is lost; then its connection is reset in a moment. */
  losesAnswer(link: MemoryLink, path: string): boolean {
    const { loseAnswerRatio } = this.#conditionsOf(this.#path(link.server.name, link.client.name));
    if (!happens(loseAnswerRatio, this.#random)) return false;
    this.note(`lose answer ${link.server.name}>${link.client.name} ${path}`);
    this.#clock.after(0, () => link.reset("connection reset"));
    return true;
  }

  forget(link: MemoryLink): void {
    this.#links.delete(link);
  }

  #pipe(from: MemoryHost, to: MemoryHost, reset: () => boolean): MemoryPipe {
    const path = this.#path(from.name, to.name);
    return new MemoryPipe({
      clock: this.#clock,
      from,
      to,
      packetMs: () => {
        const conditions = this.#conditionsOf(path);
        if (happens(conditions.resetRatio, this.#random) && reset()) return undefined;
        return packetMs(conditions, this.#random);
      },
      isBlocked: () => path.blocked,
    });
  }

  #conditionsOf(path: NetworkPath): NetworkConditions {
    if (path.from === OPERATOR_HOST || path.to === OPERATOR_HOST) return GOOD_NETWORK;
    return path.conditions ?? this.#conditions;
  }

  /** The process of that name, or, where a machine is off, the one that it had. */
  #machine(name: string): MemoryHost {
    const known = this.#hosts.get(name);
    return known?.off ? known : this.host(name);
  }

  /** Who still holds a connection to a machine that was off is told by its kernel, once it is on again. */
  #resetLinksOf(host: MemoryHost): void {
    for (const link of [...this.#links]) {
      if (link.client === host || link.server === host) link.reset("connection reset");
    }
  }

  #path(from: string, to: string): NetworkPath {
    const key = `${from}>${to}`;
    let path = this.#paths.get(key);
    if (!path) this.#paths.set(key, (path = { from, to, blocked: false, conditions: undefined }));
    return path;
  }

  #release(): void {
    for (const link of [...this.#links]) link.release();
    for (const pipe of this.#otherPipes) pipe.release();
  }
}
