import { createWorker, type Worker, type WorkerOptions } from "../../../src/api/worker";
import { mountProtoServices } from "../../../src/wire/proto-service";
import { interopContract } from "./contract";
import { workerHandlers } from "./worker-handlers";

/** A worker of ours that serves the interop tests; not started. */
export function interopWorker(label: string, options: Omit<WorkerOptions, "services" | "descriptors">): Worker {
  const { served, descriptorSet } = interopContract();
  return createWorker({
    ...options,
    label,
    services: mountProtoServices(served, workerHandlers(label)),
    descriptors: descriptorSet,
  });
}
