import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { FabricError, messageOf } from "../core/errors";
import { createRings, type ThreadRings } from "../worker/threads/byte-ring";
import type { FromThread } from "../worker/threads/port-messages";
import type { ThreadChannel } from "../worker/threads/thread-handle";
import type { ServiceSource } from "./service-source";

/** The program of a thread, as it lies beside this file in the package; in the sources, as relay processes have it. */
const PROGRAM = join(__dirname, "..", "bin", "worker-thread.js");
const SOURCE = join(__dirname, "..", "bin", "worker-thread.ts");

/** What a thread is told when it starts. */
export interface ThreadData extends ThreadOrders {
  readonly rings: ThreadRings;
}

interface ThreadOrders {
  readonly source: ServiceSource;
  /** The worker's. */
  readonly label: string;
}

export interface ThreadOptions extends ThreadOrders {
  /** 0 leaves it to Node. */
  readonly heapMaxBytes: number;
}

/** @throws FabricError INVALID_ARGUMENT where it cannot be run */
export function threadProgram(): string {
  if (existsSync(PROGRAM)) return PROGRAM;
  if (existsSync(SOURCE) && process.execArgv.some((argument) => argument.includes("tsx"))) return SOURCE;
  throw new FabricError(
    "INVALID_ARGUMENT",
    `WORKER_THREADS is above 0, but ${PROGRAM} is not there: run the built package (not a bundle of it), or set it to 0`,
  );
}

/** Starts a thread, which ends with the process at the latest. */
export function openThread(program: string, number: number, options: ThreadOptions): ThreadChannel {
  const { source, label, heapMaxBytes } = options;
  const rings = createRings();
  const thread = new Worker(program, {
    name: `handlers-${number}`,
    workerData: { source, label, rings } satisfies ThreadData,
    resourceLimits: heapMaxBytes === 0 ? {} : { maxOldGenerationSizeMb: Math.ceil(heapMaxBytes / (1 << 20)) },
  });
  let thrown: unknown;
  thread.on("error", (error) => (thrown ??= error));
  return {
    rings,
    post: (message, moved) => thread.postMessage(message, moved),
    onMessage: (listener) => {
      thread.on("message", (message) => listener(message as FromThread));
    },
    onEnd: (listener) => {
      thread.once("exit", (code) => listener(thrown === undefined ? `it exited with code ${code}` : messageOf(thrown)));
    },
    terminate: () => void thread.terminate(),
  };
}
