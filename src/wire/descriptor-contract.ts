import { FILE_DESCRIPTOR_SET } from "../../generated/descriptors";
import { DescriptorSet } from "./descriptor-set";

let contract: DescriptorSet | undefined;

/** The services that a director serves itself. */
export const CONTROL_SERVICES = [
  "heddle.v1.AgentService",
  "heddle.v1.AttachService",
  "heddle.v1.DirectorService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
] as const;

/**
 * The descriptor set of services whose contract comes with Heddle, such as CONTROL_SERVICES or "heddle.compute.v1.ComputeService".
 * @throws FabricError DESCRIPTOR_CONFLICT for any other service
 */
export function heddleDescriptors(services: Iterable<string>): Uint8Array {
  contract ??= DescriptorSet.parse(FILE_DESCRIPTOR_SET);
  return contract.subset(services);
}
