/**
 * The generated contract, for the folders that implement or call it. Only `wire/` imports generated code, so that the rest
 * can be read without it and a change of generator touches one folder.
 */
export { FILE_DESCRIPTOR_SET } from "../../generated/descriptors";
export {
  ComputeServiceDefinition,
  type ExecuteRequest,
  type ExecuteResponse,
  type ExecuteStreamRequest,
  type ExecuteStreamResponse,
} from "../../generated/heddle/compute/v1/compute";
export {
  InferenceServiceDefinition,
  type GenerateRequest,
  type GenerateResponse,
} from "../../generated/heddle/inference/v1/inference";
export * from "../../generated/heddle/v1/agent";
export { AttachServiceDefinition } from "../../generated/heddle/v1/attach";
export * from "../../generated/heddle/v1/director";
export {
  DrainMeasure,
  DrainPhase,
  type DrainMemberRequest,
  type DrainMemberResponse,
} from "../../generated/heddle/v1/drain";
export { HealthStatus } from "../../generated/heddle/v1/director";
export type { Member as WireMember } from "../../generated/heddle/v1/member";
export { type CallSeries, type EndedCall } from "../../generated/heddle/v1/calls";
