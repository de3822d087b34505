import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { connect, type ConnectOptions, type FabricClient } from "../../src/api/client";
import { ComputeServiceDefinition } from "../../src/api/index";
import { messageOf } from "../../src/core/errors";
import { EtcdServer } from "./etcd-server";
import { type Environment, eventually, freeAddress, Processes, type RunningProcess } from "./processes";

/** What a cluster keeps its record in. */
export const STORES = ["the embedded store", "etcd"] as const;
export type StoreName = (typeof STORES)[number];

/** Short, so that what is measured in intervals does not take long. */
export const HEARTBEAT_MS = 200;

/** A program of the cluster that others can reach. */
export interface Started {
  readonly process: RunningProcess;
  readonly address: string;
}

export interface StartOptions {
  readonly env?: Environment;
  /** Default: a free one. Give the same again to restart in place. */
  readonly address?: string;
}

/** Directors, workers and clients of one test, as real processes around one store. */
export class Cluster {
  readonly processes = new Processes();
  readonly #etcd: EtcdServer | undefined;
  readonly #clients: FabricClient[] = [];
  readonly #directors: string[] = [];
  readonly #loads: SteadyCalls[] = [];

  private constructor(etcd: EtcdServer | undefined) {
    this.#etcd = etcd;
  }

  static async open(store: StoreName): Promise<Cluster> {
    return new Cluster(store === "etcd" ? await EtcdServer.start() : undefined);
  }

  /** The etcd server under it. @throws where the store is embedded */
  get etcd(): EtcdServer {
    if (!this.#etcd) throw new Error("this cluster keeps its record in the embedded store");
    return this.#etcd;
  }

  /** Where the director at this address keeps the record. */
  async storeEnv(address: string): Promise<Environment> {
    if (this.#etcd) return { ETCD_ENDPOINTS: this.#etcd.address };
    return { HEDDLE_DATA_DIR: join(await this.processes.folder, `data-${address.replace(/\W/g, "-")}`) };
  }

  /** A director that takes calls when this resolves. */
  async director(options: StartOptions = {}): Promise<Started> {
    const address = options.address ?? (await freeAddress());
    const process = await this.processes.heddle("heddle-director", {
      env: {
        DIRECTOR_ADDR: address,
        HEDDLE_HTTP_ADDR: "off",
        HEDDLE_HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS),
        ...(await this.storeEnv(address)),
        ...options.env,
      },
    });
    await process.whenLogs(`🚀 Director ready - listening on ${address}`);
    if (!this.#directors.includes(address)) this.#directors.push(address);
    return { process, address };
  }

  /** A worker that listens when this resolves; `whenReady` waits until it is picked. */
  async worker(label: string, options: StartOptions & { readonly args?: readonly string[] } = {}): Promise<Started> {
    const address = options.address ?? (await freeAddress());
    const process = await this.processes.heddle(options.args ? "heddle" : "heddle-worker", {
      name: `worker ${label}`,
      args: options.args ?? [],
      env: {
        WORKER_LABEL: label,
        WORKER_ADDR: address,
        DIRECTOR_ADDR: this.#directors.join(","),
        HEDDLE_RECONNECT_MAX_MS: "500",
        ...options.env,
      },
    });
    await process.whenLogs(`✅ Server bound successfully to ${address}`);
    return { process, address };
  }

  /** A client in this process; closed with the cluster. */
  connect(options: ConnectOptions = {}): FabricClient {
    const client = connect({ directors: this.#directors, mode: "proxy", reconnectMaxMs: 300, env: {}, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Resolves when just these members may be picked. */
  async whenReady(client: FabricClient, labels: readonly string[]): Promise<void> {
    const wanted = [...labels].sort().join();
    let seen = { ready: "", others: "" };
    await eventually(
      () => `${wanted} are ready, not ${seen.ready} (${seen.others})`,
      async () => {
        seen = await readyLabels(client);
        return seen.ready === wanted;
      },
    );
  }

  /** Calls without end through this client; they end with the cluster at the latest. */
  load(client: FabricClient, options: LoadOptions = {}): SteadyCalls {
    const load = new SteadyCalls(client, options);
    this.#loads.push(load);
    return load;
  }

  async close(): Promise<void> {
    for (const load of this.#loads) void load.stop();
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.processes.stopAll();
    await this.#etcd?.stop();
  }
}

async function readyLabels(client: FabricClient): Promise<{ ready: string; others: string }> {
  try {
    const { members } = await client.director.listMembers({}, { timeoutMs: 2_000 });
    const ready = members.filter((member) => member.ready).map(({ label }) => label);
    const others = members.filter((member) => !member.ready);
    return {
      ready: ready.sort().join(),
      others: others.map(({ label, notReadyReason }) => `${label}: ${notReadyReason}`).join(", "),
    };
  } catch (error) {
    return { ready: "", others: messageOf(error) };
  }
}

export interface LoadReport {
  readonly calls: number;
  /** One for each call that failed. */
  readonly failures: readonly string[];
  readonly perWorker: ReadonlyMap<string, number>;
}

export interface LoadOptions {
  /** Default 4. */
  readonly atOnce?: number;
  readonly match?: string;
}

/** Calls without end, some at a time, each of which keeps a worker busy for a few milliseconds. */
export class SteadyCalls {
  readonly #client: FabricClient;
  readonly #stop = new AbortController();
  readonly #failures: string[] = [];
  readonly #perWorker = new Map<string, number>();
  readonly #loops: Promise<void>[];
  #calls = 0;

  constructor(client: FabricClient, options: LoadOptions = {}) {
    this.#client = client;
    const { atOnce = 4, match = "" } = options;
    this.#loops = Array.from({ length: atOnce }, () => this.#run(match === "" ? {} : { "heddle-match": match }));
  }

  get calls(): number {
    return this.#calls;
  }

  /** Resolves when this many more calls have ended. */
  async more(count: number): Promise<void> {
    const goal = this.#calls + count;
    await eventually(`${count} more calls end`, () => this.#calls >= goal);
  }

  /** Resolves when no call is in flight any more. */
  async stop(): Promise<LoadReport> {
    this.#stop.abort();
    await Promise.all(this.#loops);
    return this.report;
  }

  get report(): LoadReport {
    return { calls: this.#calls, failures: this.#failures, perWorker: this.#perWorker };
  }

  async #run(metadata: Record<string, string>): Promise<void> {
    const compute = this.#client.client(ComputeServiceDefinition);
    while (!this.#stop.signal.aborted) {
      try {
        const request = { task: "sleep", parameters: new Map([["ms", "10"]]) };
        const { workerLabel } = await compute.execute(request, { metadata, timeoutMs: 20_000 });
        this.#perWorker.set(workerLabel, (this.#perWorker.get(workerLabel) ?? 0) + 1);
      } catch (error) {
        this.#failures.push(messageOf(error));
        // A client that was closed refuses at once, and the test should see the rest of the world too.
        await wait(10);
      }
      this.#calls += 1;
    }
  }
}
