import type { WorkerOptions } from "../../api/worker";
import { messageOf } from "../../core/errors";
import { defaultExportOf } from "../../core/module-exports";
import { loadModule } from "../../api/load-module";
import type { ServiceSource } from "../../api/service-source";
import { runWorker } from "../worker-role";

/** What a worker of `heddle dev` serves. */
export type DevWork = ServiceSource | { readonly kind: "program"; readonly file: string };

/** Runs the worker in this process, to its end. */
export async function assembleWorkerOf(work: DevWork): Promise<void> {
  if (work.kind !== "program") process.exit(await runWorker(process.env, work));
  let module: unknown;
  try {
    // A program that awaits its worker's end at its top level comes back only then.
    module = await loadModule(work.file, "heddle dev");
  } catch (error) {
    process.stderr.write(`${stackOf(error)}\n`);
    process.exit(1);
  }
  if (!Array.isArray(defaultExportOf(module))) return;
  const { descriptors } = module as Pick<WorkerOptions, "descriptors">;
  process.exit(await runWorker(process.env, { kind: "module", file: work.file }, descriptors));
}

/** Of what the module itself threw: that has the line. */
function stackOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error && cause.stack ? cause.stack : messageOf(error);
}
