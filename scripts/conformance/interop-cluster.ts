import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { connect, type FabricClient } from "../../src/api/client";
import { messageOf } from "../../src/core/errors";
import type { Certificates } from "../../test/support/certificates";
import { interopContract, SERVED } from "../../test/support/interop/contract";
import { type Environment, eventually, freeAddress, Processes } from "../../test/support/processes";
import type { InteropServer } from "./interop-servers";

/** A director as a process, and one server attached to it. */
export class InteropCluster {
  readonly address: string;
  readonly processes: Processes;
  readonly #tls: Certificates | undefined;
  readonly #control: FabricClient;

  private constructor(address: string, processes: Processes, tls: Certificates | undefined) {
    this.address = address;
    this.processes = processes;
    this.#tls = tls;
    this.#control = connect({
      directors: [address],
      mode: "proxy",
      env: {},
      ...(tls ? { tlsCaFile: tls.caFile } : {}),
    });
  }

  static async start(tls: Certificates | undefined): Promise<InteropCluster> {
    const processes = new Processes();
    const address = await freeAddress();
    const director = await processes.heddle("heddle-director", {
      env: { DIRECTOR_ADDR: address, HEDDLE_DATA_DIR: "memory", ...tlsEnv(tls) },
    });
    await director.whenLogs("Director ready");
    return new InteropCluster(address, processes, tls);
  }

  /** A worker as a process, with what `heddle worker` serves. Resolves to where it listens. */
  async startWorker(): Promise<string> {
    const address = await freeAddress();
    const worker = await this.processes.heddle("heddle-worker", {
      env: { WORKER_ADDR: address, DIRECTOR_ADDR: this.address, ...tlsEnv(this.#tls) },
    });
    await worker.whenLogs("Server bound successfully");
    return address;
  }

  /** Resolves when calls reach this server. */
  async attach(server: InteropServer): Promise<void> {
    if (!server.attachesItself) {
      const descriptors = join(await this.processes.folder, "interop.binpb");
      await writeFile(descriptors, interopContract().descriptorSet);
      await this.processes.heddle("heddle", {
        name: "the side-car",
        args: [
          ...["attach", "--target", server.address],
          ...["--services", SERVED.join(), "--descriptors", descriptors],
        ],
        env: { DIRECTOR_ADDR: this.address, WORKER_LABEL: "interop", ...tlsEnv(this.#tls) },
      });
    }
    await eventually("the worker is ready", async () => (await this.#members()).some(({ ready }) => ready));
  }

  /** Resolves to what is wrong, or to undefined: calls that have ended hold no slot. */
  async slotsStillHeld(): Promise<string | undefined> {
    let held = 0;
    const freed = async () => {
      held = (await this.#members()).reduce((sum, { directorInFlight }) => sum + directorInFlight, 0);
      return held === 0;
    };
    try {
      await eventually(() => `${held} calls are in flight that have ended`, freed, { withinMs: 5_000 });
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async stop(): Promise<void> {
    await this.#control.close();
    await this.processes.stopAll();
  }

  async #members() {
    return (await this.#control.director.listMembers({}, { timeoutMs: 2_000 })).members;
  }
}

function tlsEnv(tls: Certificates | undefined): Environment {
  if (!tls) return {};
  return {
    HEDDLE_TLS_CERT_FILE: tls.certFile,
    HEDDLE_TLS_KEY_FILE: tls.keyFile,
    HEDDLE_TLS_CA_FILE: tls.caFile,
  };
}
