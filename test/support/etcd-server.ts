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

/** A real etcd server of its own, on free ports, with its data in a temporary folder. */
export class EtcdServer {
  readonly clientPort: number;
  readonly #peerPort: number;
  readonly #binary: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #output = "";

  private constructor(binary: string, folder: string, clientPort: number, peerPort: number) {
    this.#binary = binary;
    this.#folder = folder;
    this.clientPort = clientPort;
    this.#peerPort = peerPort;
  }

  static async start(): Promise<EtcdServer> {
    const server = await EtcdServer.prepare();
    await server.restart();
    return server;
  }

  /** With its ports chosen but not running; `restart` starts it. */
  static async prepare(): Promise<EtcdServer> {
    const binary = await findEtcd();
    const folder = await mkdtemp(join(tmpdir(), "heddle-etcd-"));
    const [clientPort, peerPort] = await freePorts();
    return new EtcdServer(binary, folder, clientPort, peerPort);
  }

  get address(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  /** Starts, or starts again on the same data. Resolves when it answers that it is healthy. */
  async restart(): Promise<void> {
    await this.kill();
    const clientUrl = `http://${this.address}`;
    const peerUrl = `http://127.0.0.1:${this.#peerPort}`;
    this.#output = "";
    const started = spawn(
      this.#binary,
      [
        ...["--name", "test", "--data-dir", join(this.#folder, "data")],
        ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
        ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
        ...["--initial-cluster", `test=${peerUrl}`, "--unsafe-no-fsync", "--logger", "zap"],
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

  async #becomesHealthy(url: string): Promise<void> {
    const deadlineMs = Date.now() + START_WITHIN_MS;
    for (;;) {
      const healthy = await fetch(`${url}/health`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (healthy) return;
      if (Date.now() > deadlineMs || this.#process?.exitCode !== null) {
        throw new Error(`etcd did not start within ${START_WITHIN_MS} ms:\n${this.#output}`);
      }
      await wait(20);
    }
  }
}

/** Ports that were free a moment ago. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports as [number, number];
}
