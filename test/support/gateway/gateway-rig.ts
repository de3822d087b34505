import { connect, type FabricClient } from "../../../src/api/client";
import { createDirector, type Director } from "../../../src/api/director";
import type { Worker } from "../../../src/api/worker";
import { type Logger, SILENT_LOGGER } from "../../../src/core/logger";
import type { DirectorOptions } from "../../../src/api/director";

/** A director with an HTTP port and workers, in this process, on real sockets. */
export class GatewayRig {
  readonly workers: Worker[] = [];
  director!: Director;
  client!: FabricClient;
  /** Such as "http://127.0.0.1:40123". */
  url = "";
  readonly log: string[] = [];

  async open(options: DirectorOptions = {}): Promise<void> {
    this.director = await createDirector({
      env: {},
      logger: this.#logger(),
      listenAddress: "127.0.0.1:0",
      httpAddress: "127.0.0.1:0",
      dataDir: "memory",
      ...options,
    });
    await this.director.start();
    this.url = this.log.map((line) => /HTTP at (\S+)\//.exec(line)?.[1]).find((url) => url !== undefined)!;
    this.client = connect({ env: {}, logger: SILENT_LOGGER, directors: [this.director.address], mode: "proxy" });
  }

  /** Starts it, and waits until it takes calls. */
  async add(worker: Worker): Promise<Worker> {
    this.workers.push(worker);
    const attached = worker.whenAttached();
    await worker.start();
    await attached;
    return worker;
  }

  async close(): Promise<void> {
    await this.client.close();
    await Promise.all(this.workers.map((worker) => worker.stop({ graceMs: 500 })));
    await this.director.stop({ graceMs: 500 });
  }

  #logger(): Logger {
    const note = (message: string) => void this.log.push(message);
    const logger: Logger = { debug: () => {}, info: note, warn: note, error: note, child: () => logger };
    return logger;
  }
}
