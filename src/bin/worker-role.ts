import { assembleWorker } from "../api/assemble-worker";
import type { ServiceSource } from "../api/service-source";
import type { WorkerOptions } from "../api/worker";
import { loadWorkerConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { logging, runRole } from "./run-role";

/** A worker until it is told to stop. Resolves to the exit code. */
export function runWorker(
  env: Environment,
  source: ServiceSource,
  descriptors?: WorkerOptions["descriptors"],
): Promise<number> {
  return runRole(
    () => logging(loadWorkerConfig(env)),
    async (logger) => {
      const worker = assembleWorker({ source }, { env, logger, descriptors }, {});
      await worker.start();
      return { stop: (reason) => worker.stop({ reason }), finished: worker.finished };
    },
  );
}
