import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect, type FabricClient } from "../../src/api/client";
import { messageOf } from "../../src/core/errors";
import { IntentKind } from "../../generated/heddle/v1/member";
import { eventually, freeAddress } from "../support/processes";
import { SmallDisk } from "../support/small-disk";
import { ChaosDefinition } from "./contract";
import { builtFile, type Fabric } from "./fabric";
import { Supervised } from "./supervised";

const DISK_BYTES = 4 << 20;
const WORKER = "embedded-worker";
const ANSWER_WITHIN_MS = 3_000;
const RETURNS_WITHIN_MS = 10_000;
/** Writes that are tried while the disk is full: larger than what a log has left of its last block. */
const WRITES_WHILE_FULL = 40;
const REASON_BYTES = 500;

/**
 * A director that keeps the record by itself, on a small disk, with a worker: calls must go on while the disk is full, writes must be
 * refused and not pretended, and be taken again afterwards. What was acknowledged must be there after a SIGKILL.
 */
export class EmbeddedRig {
  readonly programs: readonly Supervised[];
  readonly #disk: SmallDisk;
  readonly #client: FabricClient;
  readonly #violations: string[] = [];
  #acknowledged = "";
  #maybe = new Set<string>();
  #writes = 0;
  #refused = 0;

  private constructor(disk: SmallDisk, client: FabricClient, programs: readonly Supervised[]) {
    this.#disk = disk;
    this.#client = client;
    this.programs = programs;
  }

  /** Undefined where nothing may be mounted. */
  static async start(fabric: Fabric): Promise<EmbeddedRig | undefined> {
    const { folder, heartbeatMs } = fabric.options;
    const mountPoint = join(folder, "small-disk");
    await mkdir(mountPoint);
    const disk = await SmallDisk.mount(mountPoint, DISK_BYTES);
    if (!disk) return undefined;
    const [address, workerAddress] = [await freeAddress(), await freeAddress()];
    const director = new Supervised("embedded-director", fabric.logFile("embedded-director"), async () => {
      const env = {
        DIRECTOR_ADDR: address,
        HEDDLE_DATA_DIR: join(mountPoint, "data"),
        HEDDLE_HEARTBEAT_INTERVAL_MS: String(heartbeatMs),
      };
      const started = await fabric.processes.heddle("heddle-director", { name: "embedded-director", env });
      await started.whenLogs("🚀 Director ready");
      return started;
    });
    const worker = new Supervised(WORKER, fabric.logFile(WORKER), async () => {
      const env = {
        ...{ WORKER_LABEL: WORKER, WORKER_ADDR: workerAddress, DIRECTOR_ADDR: address },
        ...{ HEDDLE_RECONNECT_MAX_MS: "500", LEDGER_FILE: join(folder, `${WORKER}.ledger`) },
      };
      const args = [builtFile("worker"), join(folder, "chaos.proto")];
      const started = await fabric.processes.spawn(process.execPath, { name: WORKER, args, env });
      await started.whenLogs(`✅ Server bound successfully to ${workerAddress}`);
      return started;
    });
    await director.start();
    await worker.start();
    const client = connect({ directors: [address], mode: "proxy", reconnectMaxMs: 500, env: {} });
    const rig = new EmbeddedRig(disk, client, [director, worker]);
    await eventually("the worker of the embedded director is ready", () => rig.#isReady());
    if (!(await rig.#write())) rig.#violations.push("a write to the embedded store failed before anything was broken");
    return rig;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** Writes that were refused for lack of space. */
  get refused(): number {
    return this.#refused;
  }

  async fillDisk(): Promise<void> {
    await this.#disk.fill();
    for (let count = 0; count < WRITES_WHILE_FULL; count += 1) if (!(await this.#write())) this.#refused += 1;
    await this.#calls("while the disk is full");
    if (this.#refused === 0)
      this.#violations.push("a full disk refused no write: it was not full, or it was pretended");
  }

  async freeDisk(): Promise<void> {
    await this.#disk.free();
    await this.#calls("after the disk was full");
    const deadlineMs = performance.now() + RETURNS_WITHIN_MS;
    while (!(await this.#write())) {
      if (performance.now() > deadlineMs) {
        this.#violations.push(`${RETURNS_WITHIN_MS} ms after the disk has space again no write is taken`);
        return;
      }
      await wait(200);
    }
  }

  /** After a SIGKILL, what was acknowledged must be there. Resolves to the number of lost writes. */
  async lostWrites(): Promise<number> {
    const [director] = this.programs;
    await director!.kill();
    await director!.start();
    const { member } = await this.#client.director.getMember({ memberId: WORKER }, { timeoutMs: RETURNS_WITHIN_MS });
    const found = member?.intent?.reason ?? "";
    if (found === this.#acknowledged || this.#maybe.has(found)) return 0;
    this.#violations.push(`the embedded store has ${found.slice(0, 20)} and not ${this.#acknowledged.slice(0, 20)}`);
    return 1;
  }

  /** Twice is once. */
  async close(): Promise<void> {
    await this.#client.close();
    await Promise.all(this.programs.map((program) => program.kill()));
    await Promise.all(this.programs.map((program) => program.logged()));
    await this.#disk.unmount();
  }

  async #isReady(): Promise<boolean> {
    const { members } = await this.#client.director.listMembers({}, { timeoutMs: ANSWER_WITHIN_MS });
    return members.some(({ ready }) => ready);
  }

  async #write(): Promise<boolean> {
    this.#writes += 1;
    const reason = `write-${this.#writes} `.padEnd(REASON_BYTES, "x");
    const intent = { memberId: WORKER, kind: IntentKind.SERVING, reason };
    try {
      await this.#client.director.setIntent(intent, { timeoutMs: ANSWER_WITHIN_MS });
      this.#acknowledged = reason;
      this.#maybe.clear();
      return true;
    } catch {
      this.#maybe.add(reason);
      return false;
    }
  }

  async #calls(when: string): Promise<void> {
    try {
      const chaos = this.#client.client(ChaosDefinition);
      for (let count = 0; count < 20; count += 1) await chaos.read(Buffer.from("on?"), { timeoutMs: ANSWER_WITHIN_MS });
    } catch (error) {
      this.#violations.push(`a call to the worker of the embedded director failed ${when}: ${messageOf(error)}`);
    }
  }
}
