import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { findEtcd } from "../../scripts/etcd";
import { freeze } from "./freeze";

const START_WITHIN_MS = 15_000;

/** What etcd is told of itself and its cluster. */
interface Place {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** All members, as `--initial-cluster` takes them. */
  readonly cluster: string;
}

/** A real etcd server, alone or one of a cluster, on free ports, with its data in a temporary folder. */
export class EtcdServer {
  readonly #place: Place;
  readonly #binary: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #output = "";

  private constructor(binary: string, folder: string, place: Place) {
    this.#binary = binary;
    this.#folder = folder;
    this.#place = place;
  }

  static async start(): Promise<EtcdServer> {
    const server = await EtcdServer.prepare();
    await server.restart();
    return server;
  }

  /** With its ports chosen but not running; `restart` starts it. */
  static async prepare(): Promise<EtcdServer> {
    const [server] = await EtcdServer.prepareCluster(1);
    return server!;
  }

  /** The members of one cluster, none of them running. A majority must be started before one answers. */
  static async prepareCluster(members: number): Promise<readonly EtcdServer[]> {
    const binary = await findEtcd();
    const ports = await freePorts(2 * members);
    const addresses = Array.from({ length: members }, (_, index) => ({
      name: `etcd-${index + 1}`,
      clientPort: ports[2 * index]!,
      peerPort: ports[2 * index + 1]!,
    }));
    const cluster = addresses.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`).join(",");
    return Promise.all(
      addresses.map(async (address) => {
        const folder = await mkdtemp(join(tmpdir(), "heddle-etcd-"));
        return new EtcdServer(binary, folder, { ...address, cluster });
      }),
    );
  }

  get name(): string {
    return this.#place.name;
  }

  get clientPort(): number {
    return this.#place.clientPort;
  }

  get address(): string {
    return `127.0.0.1:${this.#place.clientPort}`;
  }

  /** False before `restart`, after `kill`, and when it ended by itself. */
  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The last it said. */
  get output(): string {
    return this.#output;
  }

  /** Starts, or starts again on the same data. Resolves when it answers that it is healthy. */
  async restart(): Promise<void> {
    await this.kill();
    const { name, peerPort, cluster } = this.#place;
    const clientUrl = `http://${this.address}`;
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    this.#output = "";
    const started = spawn(
      this.#binary,
      [
        ...["--name", name, "--data-dir", join(this.#folder, "data")],
        ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...["--initial-cluster", cluster, "--unsafe-no-fsync", "--logger", "zap"],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#process = started;
    started.stderr.on("data", (text: Buffer) => {
      this.#output = (this.#output + text.toString()).slice(-4_000);
    });
    await this.#becomesHealthy(clientUrl);
  }

  /** SIGKILL; the data stays. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    running.kill("SIGKILL");
    await once(running, "exit");
  }

  /** SIGSTOP: connections stay open, nothing is answered. */
  freeze(): void {
    if (this.#process) freeze(this.#process);
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Kills it and deletes its data, as after a lost disk. `restart` then begins with an empty store. */
  async wipe(): Promise<void> {
    await this.kill();
    await rm(join(this.#folder, "data"), { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Whether it leads its cluster; false also when it does not answer. */
  async isLeader(): Promise<boolean> {
    const status = await this.#ask("maintenance/status", {}).catch(() => undefined);
    return status?.leader !== undefined && status.leader === status.header?.member_id;
  }

  /** Forgets the history up to now. */
  async compact(): Promise<void> {
    const { header } = await this.#ask("maintenance/status", {});
    await this.#ask("kv/compaction", { revision: header?.revision, physical: true });
  }

  async #ask(what: string, request: object): Promise<EtcdAnswer> {
    const answer = await fetch(`http://${this.address}/v3/${what}`, {
      method: "POST",
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(2_000),
    });
    if (!answer.ok) throw new Error(`${this.name} answered ${what} with ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as EtcdAnswer;
  }

  async #becomesHealthy(url: string): Promise<void> {
    const started = this.#process;
    const deadlineMs = Date.now() + START_WITHIN_MS;
    for (;;) {
      const healthy = await fetch(`${url}/health`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (healthy) return;
      if (Date.now() > deadlineMs || started !== this.#process || started?.exitCode !== null) {
        throw new Error(`etcd did not start within ${START_WITHIN_MS} ms:\n${this.#output}`);
      }
      await wait(20);
    }
  }
}

/** What its gateway to JSON answers, as far as it is read here. */
interface EtcdAnswer {
  readonly header?: { readonly member_id?: string; readonly revision?: string };
  readonly leader?: string;
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports;
}
