/** Everything Heddle offers to programs. Workers and clients may take less: "heddle/worker", "heddle/client". */
export * from "./client";
export { createDirector, type Director, type DirectorOptions } from "./director";
export { createWorker, grpcJsService, runWorker, service } from "./worker";
export type { AgentHandler, PlacedAgent, StopAgent } from "./worker";
export type { PeerCertificate, ServerInterceptor, ServiceOptions, Worker, WorkerOptions } from "./worker";
export type {
  CallContext,
  GrpcJsDefinition,
  GrpcJsMethod,
  Handler,
  Handlers,
  MountedService,
  ResumePosition,
} from "./worker";
export type { Endpoint } from "../balancing/endpoint";
export type { BalancingPolicy, Picker, PickRequest, PickResult } from "../balancing/picker";
export type { Random } from "../core/random";
export type { Logger } from "../core/logger";
export {
  AgentServiceDefinition,
  ComputeServiceDefinition,
  DirectorServiceDefinition,
  FILE_DESCRIPTOR_SET,
  InferenceServiceDefinition,
} from "../wire/contract";
