import type { MemberEvent } from "../core/attach-messages";
import type { IncomingCall } from "../core/call";
import { NO_RESOURCES } from "../core/member";
import { openAttach } from "../wire/attach-stream";
import { FILE_DESCRIPTOR_SET } from "../wire/contract";
import { DescriptorSet, descriptorSetHash } from "../wire/descriptor-set";
import { computeService } from "../worker/services/compute-service";
import { inferenceService } from "../worker/services/inference-service";
import { ownThread, type Served, type ServedService } from "../worker/service-host";
import type { AgentHandler } from "../worker/agents/agent-handler";
import { TASKS } from "../worker/tasks";
import { Worker, type WorkerConfig } from "../worker/worker";
import { KEEPALIVE_MS, type HostParts } from "./host-parts";

const CONTRACT = DescriptorSet.parse(FILE_DESCRIPTOR_SET).subset([
  "heddle.compute.v1.ComputeService",
  "heddle.inference.v1.InferenceService",
]);

export interface WorkerOptions extends Partial<WorkerConfig> {
  /** Besides compute and inference, or, with `serves: "given"`, alone. */
  readonly services?: readonly ServedService[];
  /** Default "tasks": compute and inference, with their contract. */
  readonly serves?: "tasks" | "given";
  /** Of the services given, where they are alone; without, none counts as idempotent for the directors. */
  readonly descriptors?: Uint8Array;
  /** Told of each call that arrives at the worker, before admission decides. */
  readonly onCall?: (path: string) => void;
  readonly onEvent?: (event: MemberEvent) => void;
  /** Runs agents. Without it none are taken. */
  readonly onAgent?: AgentHandler;
}

/** A worker at `name`:7000, real but for its surroundings. */
export function memoryWorker(
  parts: HostParts,
  name: string,
  directors: readonly string[],
  options: WorkerOptions,
): Worker {
  const { services = [], serves = "tasks", descriptors, onCall, onEvent, onAgent, ...config } = options;
  const { host, logger } = parts;
  const { clock } = host;
  const tasks = [
    computeService({ tasks: TASKS, clock, label: name }),
    inferenceService({ clock, logger, label: name, newConnectionId: () => parts.newId() }),
  ];
  const served = serves === "tasks" ? [...tasks, ...services] : services;
  const contract = serves === "tasks" ? CONTRACT : descriptors;
  return new Worker({
    clock,
    random: parts.random,
    logger,
    config: {
      memberId: name,
      label: name,
      address: `${name}:7000`,
      advertiseAddress: "",
      directors,
      tags: {},
      slots: 0,
      role: "worker",
      failureEnabled: false,
      failurePhaseMs: 0,
      heartbeatIntervalMs: 0,
      reconnectMaxMs: 1_000,
      drainTimeoutMs: 30_000,
      dataKeepalive: true,
      ...config,
    },
    version: "test",
    host: ownThread((): Served => ({
      services: served.map((service) => spying(service, onCall)),
      descriptors: contract && { hash: descriptorSetHash(contract), fileDescriptorSet: contract },
    })),
    server: parts.server,
    inventory: () => Promise.resolve(NO_RESOURCES),
    sampleLoad: () => ({ cpuRatio: 0, memoryRatio: 0, diskRatio: 0, loadAverage: 0, loopLagMs: 0 }),
    openAttach: (address) => {
      const connection = parts.connect(address, KEEPALIVE_MS);
      return { stream: openAttach(connection), close: () => connection.close() };
    },
    connect: (address) => parts.connect(address, 0),
    ...(onEvent && { onEvent }),
    ...(onAgent && { onAgent }),
  });
}

function spying(service: ServedService, onCall: WorkerOptions["onCall"]): ServedService {
  if (!onCall) return service;
  const spied = (path: string, run: (call: IncomingCall) => void) => (call: IncomingCall) => {
    onCall(path);
    run(call);
  };
  const methods = new Map([...service.methods].map(([path, run]) => [path, spied(path, run)]));
  return { fullName: service.fullName, methods };
}
