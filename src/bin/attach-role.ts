import { createAttachment } from "../api/attachment";
import type { AttachTarget } from "../cli/program";
import { loadWorkerConfig } from "../config/roles";
import type { Environment } from "../config/setting";
import { logging, runRole } from "./run-role";

/** A side-car until it is told to stop. Resolves to the exit code. */
export function runAttachment(env: Environment, target: AttachTarget): Promise<number> {
  return runRole(
    () => logging(loadWorkerConfig(env)),
    async (logger) => {
      const worker = await createAttachment(target, { env, logger });
      await worker.start();
      return { stop: (reason) => worker.stop({ reason }), finished: worker.finished };
    },
  );
}
