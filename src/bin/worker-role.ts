import { createWorker, type WorkerOptions } from "../api/worker";
import { loadWorkerConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { logging, runRole } from "./run-role";

/** What is served instead of the default tasks. */
type Contract = Pick<WorkerOptions, "services" | "descriptors">;

/** A worker until it is told to stop. Resolves to the exit code. */
export function runWorker(env: Environment, contract: () => Promise<Contract>): Promise<number> {
  return runRole(
    () => logging(loadWorkerConfig(env)),
    async (logger) => {
      const worker = createWorker({ env, logger, ...(await contract()) });
      await worker.start();
      return { stop: (reason) => worker.stop({ reason }), finished: worker.finished };
    },
  );
}
