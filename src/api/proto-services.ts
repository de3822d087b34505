import type { ProtoWorker } from "../cli/program";
import { loadProtoContract } from "../wire/proto-contract";
import { mountProtoServices } from "../wire/proto-service";
import type { LoadedServices } from "./service-source";

/**
 * Services of a contract without generated code, for a worker.
 * @param handlers the loaded module
 * @throws FabricError INVALID_ARGUMENT when the contract cannot be loaded or a handler is missing
 */
export function protoServices(proto: ProtoWorker, handlers: unknown): LoadedServices {
  const contract = loadProtoContract({ files: proto.protoFiles, includeDirs: proto.includeDirs });
  return { services: mountProtoServices(contract.services, handlers), descriptors: contract.descriptorSet };
}
