import { fileURLToPath } from "node:url";

import type { ProtoWorker } from "../cli/program";
import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import { defaultExportOf } from "../core/module-exports";
import type { MountedService } from "../rpc/service/service-handlers";
import { FILE_DESCRIPTOR_SET } from "../wire/contract";
import { computeService } from "../worker/services/compute-service";
import { inferenceService } from "../worker/services/inference-service";
import type { AgentHandler } from "../worker/agents/agent-handler";
import { exampleAgent } from "../worker/agents/example-agent";
import { TASKS } from "../worker/tasks";
import { loadModule } from "./load-module";
import { newId } from "./process-parts";
import type * as ProtoServices from "./proto-services";

/** Where a worker's services come from, as data: what a thread is told so that it has them too. */
export type ServiceSource =
  /** The tasks and the token stream of `heddle worker`. */
  | { readonly kind: "default" }
  | { readonly kind: "none" }
  /** A module that exports them by default. */
  | { readonly kind: "module"; readonly file: string }
  /** A contract without generated code. */
  | { readonly kind: "proto"; readonly proto: ProtoWorker };

export interface LoadedServices {
  readonly services: readonly MountedService[];
  /** FileDescriptorSet, where the source has one. */
  readonly descriptors: Uint8Array | undefined;
  /** What runs agents, where the source has it. */
  readonly onAgent?: AgentHandler | undefined;
}

/** @throws FabricError INVALID_ARGUMENT that names the module or contract and what is wrong with it */
export async function loadServices(
  source: ServiceSource,
  { clock, logger, label }: { readonly clock: Clock; readonly logger: Logger; readonly label: string },
): Promise<LoadedServices> {
  switch (source.kind) {
    case "default": {
      const compute = computeService({ tasks: TASKS, clock, label });
      const inference = inferenceService({ clock, logger, label, newConnectionId: newId });
      return { services: [compute, inference], descriptors: FILE_DESCRIPTOR_SET, onAgent: exampleAgent(logger) };
    }
    case "none":
      return { services: [], descriptors: undefined };
    case "module": {
      const module = await loadModule(source.file, "servicesModule");
      const exported = defaultExportOf(module);
      if (isServices(exported)) return { services: exported, descriptors: undefined, onAgent: onAgentOf(module) };
      const what = "must export by default an array of what service(Definition, handlers) makes";
      throw new FabricError("INVALID_ARGUMENT", `servicesModule ${source.file} ${what}`);
    }
    case "proto":
      return await protoServices(source.proto);
  }
}

/** What reads contracts takes memory, and most workers need none of it. */
async function protoServices(proto: ProtoWorker): Promise<LoadedServices> {
  const reader = require("./proto-services") as typeof ProtoServices;
  const module = await loadModule(proto.handlersModule, "--handlers");
  return { ...reader.protoServices(proto, module), onAgent: onAgentOf(module) };
}

/** What a module exports under the name `onAgent`, also one in CommonJS. */
function onAgentOf(module: unknown): AgentHandler | undefined {
  const exports = [module, defaultExportOf(module)] as readonly Partial<Record<"onAgent", unknown>>[];
  const found = exports.find((each) => typeof each?.onAgent === "function");
  return found?.onAgent as AgentHandler | undefined;
}

/** The path of a module that a user names. */
export function moduleFile(module: string | URL): string {
  return module instanceof URL || module.startsWith("file:") ? fileURLToPath(module) : module;
}

function isServices(value: unknown): value is readonly MountedService[] {
  return Array.isArray(value) && value.length > 0 && value.every(isService);
}

/** By its looks: the module may have another copy of this package. */
function isService(value: unknown): value is MountedService {
  if (typeof value !== "object" || value === null) return false;
  const { fullName, methods } = value as Partial<MountedService>;
  return typeof fullName === "string" && methods instanceof Map;
}
