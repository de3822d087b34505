import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DirectorServiceDefinition } from "../../generated/heddle/v1/director";
import type { TypedClient } from "../../src/api/client";
import { typedClient } from "../../src/rpc/service/typed-client";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { EtcdServer } from "../support/etcd-server";
import { NetworkNamespace } from "../support/network-namespace";
import { freeAddress, Processes, type Environment } from "../support/processes";
import { TcpProxy } from "../support/tcp-proxy";
import type { ClientOrder } from "./client";
import { CHAOS_PROTO } from "./contract";
import type { Mode } from "./history";
import { KEEPALIVE_MS } from "./mode-caller";
import { Supervised } from "./supervised";

export interface FabricOptions {
  /** Emptied first. For logs, ledgers and the history. */
  readonly folder: string;
  readonly directors: number;
  readonly workers: number;
  readonly etcdMembers: number;
  readonly heartbeatMs: number;
  /** One for each client's process: what it calls in. */
  readonly clients: readonly (readonly Mode[])[];
  readonly perSecond: ClientOrder["perSecond"];
}

export interface DirectorNode {
  readonly id: string;
  /** Where it really listens, for who watches. */
  readonly address: string;
  readonly program: Supervised;
  /** What others know as its address. */
  readonly front: TcpProxy;
  /** Its ways to the members of etcd. */
  readonly toEtcd: readonly TcpProxy[];
  /** Asks this director and no other, once. */
  readonly client: OneDirector;
}

export interface OneDirector {
  readonly director: TypedClient<DirectorServiceDefinition>;
  close(): void;
}

export interface WorkerNode {
  readonly label: string;
  readonly program: Supervised;
  readonly ledgerFile: string;
  /** Its address to all who call it. */
  readonly data: TcpProxy;
  /** Its ways to the directors, in their order. */
  readonly toDirectors: readonly TcpProxy[];
}

export interface ClientNode {
  readonly name: string;
  readonly program: Supervised;
  readonly historyFile: string;
}

/** Deadline of what is called: within it every call that may be tried again must be answered. */
export const CALL_TIMEOUT_MS = 10_000;
/** Shorter than the default, so that leases run out while a director is away. */
const SESSION_TTL_MS = 5_000;
/** The store's `Election` takes this, unless it is told otherwise; directors do not. */
export const LEADER_TTL_MS = 6_000;
const RECONNECT_MAX_MS = 500;
const READY_WITHIN_MS = 60_000;

/** Everything that runs: real processes, and between them our own proxies. */
export class Fabric {
  readonly options: FabricOptions;
  readonly processes = new Processes();
  readonly etcd: readonly EtcdServer[];
  /** Where the last worker lives; undefined where that is not allowed. */
  readonly namespace: NetworkNamespace | undefined;
  readonly directors: DirectorNode[] = [];
  readonly workers: WorkerNode[] = [];
  readonly clients: ClientNode[] = [];
  readonly #proxies: TcpProxy[] = [];

  private constructor(options: FabricOptions, etcd: readonly EtcdServer[], namespace: NetworkNamespace | undefined) {
    this.options = options;
    this.etcd = etcd;
    this.namespace = namespace;
  }

  static async start(options: FabricOptions): Promise<Fabric> {
    await rm(options.folder, { recursive: true, force: true });
    await mkdir(options.folder, { recursive: true });
    const etcd = await EtcdServer.prepareCluster(options.etcdMembers);
    const fabric = new Fabric(options, etcd, await NetworkNamespace.create());
    try {
      await fabric.#startAll();
      return fabric;
    } catch (error) {
      await fabric.close();
      throw error;
    }
  }

  /** All that must not end by itself. */
  get programs(): readonly Supervised[] {
    return [...this.directors, ...this.workers, ...this.clients].map(({ program }) => program);
  }

  /** Where the log of a program is, all its lives in one. */
  logFile(name: string): string {
    return join(this.options.folder, `${name}.log`);
  }

  /** Resolves when there is an etcd that leads. */
  async etcdLeader(): Promise<EtcdServer | undefined> {
    const leads = await Promise.all(this.etcd.map(async (member) => member.isRunning && (await member.isLeader())));
    return this.etcd[leads.indexOf(true)];
  }

  /** Ends everything with SIGKILL; logs, ledgers and the history stay. */
  async close(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.kill()));
    await Promise.all(this.programs.map((program) => program.logged()));
    for (const { client } of this.directors) client.close();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await Promise.all(this.etcd.map((member) => member.stop()));
    await this.processes.stopAll();
    await this.namespace?.remove();
  }

  async #startAll(): Promise<void> {
    const { folder, directors, workers, clients } = this.options;
    await writeFile(join(folder, "chaos.proto"), CHAOS_PROTO);
    await Promise.all(this.etcd.map((member) => member.restart()));
    for (let number = 1; number <= directors; number += 1) this.directors.push(await this.#director(number));
    for (let number = 1; number <= workers; number += 1) this.workers.push(await this.#worker(number));
    for (const [index, modes] of clients.entries()) this.clients.push(this.#client(index, modes));
    await Promise.all(this.directors.map(({ program }) => program.start()));
    await Promise.all(this.workers.map(({ program }) => program.start()));
  }

  async #proxy(address: string, host?: string): Promise<TcpProxy> {
    const [targetHost, port] = address.split(":");
    const proxy = await TcpProxy.listen({ host: targetHost!, port: Number(port) }, host === undefined ? {} : { host });
    this.#proxies.push(proxy);
    return proxy;
  }

  async #director(number: number): Promise<DirectorNode> {
    const id = `director-${number}`;
    const address = await freeAddress();
    const front = await this.#proxy(address);
    const toEtcd = await Promise.all(this.etcd.map((member) => this.#proxy(member.address)));
    const env = {
      DIRECTOR_ADDR: address,
      HEDDLE_DIRECTOR_ID: id,
      HEDDLE_ADVERTISE_ADDR: front.address,
      ETCD_ENDPOINTS: toEtcd.map((proxy) => proxy.address).join(),
      HEDDLE_SESSION_TTL_MS: String(SESSION_TTL_MS),
      HEDDLE_HEARTBEAT_INTERVAL_MS: String(this.options.heartbeatMs),
      HEDDLE_DATA_KEEPALIVE_MS: String(KEEPALIVE_MS),
    };
    const program = new Supervised(id, this.logFile(id), async () => {
      const started = await this.processes.heddle("heddle-director", { name: id, env });
      await started.whenLogs("🚀 Director ready", { withinMs: READY_WITHIN_MS });
      return started;
    });
    const settings = { keepaliveMs: KEEPALIVE_MS, messageMaxBytes: 4 << 20, reconnectMaxMs: RECONNECT_MAX_MS };
    const connection = new GrpcConnection(address, settings);
    const director = typedClient(DirectorServiceDefinition, connection);
    const client = { director, close: () => connection.close() };
    return { id, address, program, front, toEtcd, client };
  }

  async #worker(number: number): Promise<WorkerNode> {
    const label = `worker-${number}`;
    const namespace = number === this.options.workers ? this.namespace : undefined;
    const [, port] = (await freeAddress()).split(":");
    const address = `${namespace?.innerAddress ?? "127.0.0.1"}:${port}`;
    const data = await this.#proxy(address);
    const toDirectors = await Promise.all(
      this.directors.map((director) => this.#proxy(director.address, namespace?.hostAddress)),
    );
    const ledgerFile = join(this.options.folder, `${label}.ledger`);
    // Each begins with another one, so that all have some.
    const first = (number - 1) % toDirectors.length;
    const inTurn = [...toDirectors.slice(first), ...toDirectors.slice(0, first)];
    const env: Environment = {
      WORKER_LABEL: label,
      WORKER_ADDR: address,
      WORKER_ADVERTISE_ADDR: data.address,
      DIRECTOR_ADDR: inTurn.map((proxy) => proxy.address).join(),
      HEDDLE_RECONNECT_MAX_MS: String(RECONNECT_MAX_MS),
      LEDGER_FILE: ledgerFile,
    };
    const command = [...(namespace?.prefix ?? []), process.execPath, builtFile("worker")];
    command.push(join(this.options.folder, "chaos.proto"));
    const program = this.#supervised(label, command, env, `✅ Server bound successfully to ${address}`);
    return { label, program, ledgerFile, data, toDirectors };
  }

  #client(index: number, modes: readonly Mode[]): ClientNode {
    const name = `client-${index + 1}`;
    const historyFile = join(this.options.folder, `${name}.jsonl`);
    const order: ClientOrder = {
      ...{ name, modes, historyFile, timeoutMs: CALL_TIMEOUT_MS, perSecond: this.options.perSecond },
      directors: this.directors.map(({ front }) => front.address),
    };
    const command = [process.execPath, "--require", builtFile("skewed-clock"), builtFile("client")];
    return {
      name,
      historyFile,
      program: this.#supervised(name, [...command, JSON.stringify(order)], {}, "calling"),
    };
  }

  #supervised(name: string, command: readonly string[], env: Environment, ready: string): Supervised {
    const [program, ...args] = command;
    return new Supervised(name, this.logFile(name), async () => {
      const started = await this.processes.spawn(program!, { name, args, env });
      await started.whenLogs(ready, { withinMs: READY_WITHIN_MS });
      return started;
    });
  }
}

/** A program of this folder, compiled, whether this file is or not. */
export function builtFile(name: string): string {
  return join(__dirname.replace(/(?:\/dist)?\/test\/chaos$/, "/dist/test/chaos"), `${name}.js`);
}
