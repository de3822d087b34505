import type { Clock } from "../../core/clock";
import { CallError } from "../../core/errors";
import { Status } from "../../core/status";
import type { CallContext } from "../../rpc/service/call-context";
import { ComputeServiceDefinition, type ExecuteRequest } from "../../wire/contract";
import { mountService, type MountedService } from "../../rpc/service/service-handlers";
import type { Task } from "../tasks/task";

export interface ComputeServiceParts {
  readonly tasks: Readonly<Record<string, Task>>;
  readonly clock: Clock;
  readonly label: string;
}

/** Processor time after which a task lets heartbeats and other calls run. */
const SLICE_MS = 8;

/** heddle.compute.v1.ComputeService over a table of tasks. */
export function computeService(parts: ComputeServiceParts): MountedService {
  return mountService(ComputeServiceDefinition, {
    execute: async (request, context) => {
      const steps = runTask(parts, request, context);
      for (;;) {
        const step = await steps.next();
        if (step.done) return step.value;
      }
    },
    executeStream: async function* (request, context) {
      const steps = runTask(parts, request, context);
      for (;;) {
        const step = await steps.next();
        if (step.done) {
          yield { progressRatio: 1, result: step.value };
          return;
        }
        yield { progressRatio: step.value };
      }
    },
  });
}

async function* runTask(parts: ComputeServiceParts, request: ExecuteRequest, context: CallContext) {
  const { clock, tasks, label } = parts;
  const task = Object.hasOwn(tasks, request.task) ? tasks[request.task] : undefined;
  if (!task) {
    const names = Object.keys(tasks).join(", ");
    throw new CallError(Status.NOT_FOUND, `there is no task "${request.task}": this worker has ${names}`);
  }
  const startedMs = clock.monotonicMs();
  const { input, parameters } = request;
  const steps = task({ input, parameters, clock, signal: context.signal });
  let sliceStartedMs = startedMs;
  for (;;) {
    const step = await steps.next();
    if (step.done) {
      const { output, contentType } = step.value;
      const elapsedMs = clock.monotonicMs() - startedMs;
      return { output: Buffer.from(output), contentType, elapsedMs, workerLabel: label };
    }
    if (clock.monotonicMs() - sliceStartedMs < SLICE_MS) continue;
    yield step.value;
    await new Promise((resolve) => setImmediate(resolve));
    context.signal.throwIfAborted();
    sliceStartedMs = clock.monotonicMs();
  }
}
