import {
  AttachRequest,
  AttachResponse,
  type AgentOrder as WireAgentOrder,
  type Hello as WireHello,
} from "../../generated/heddle/v1/attach";
import type { AgentOrder } from "../core/agent";
import type { DirectorMessage, Hello, WorkerMessage } from "../core/attach-messages";
import {
  eventFromWire,
  eventToWire,
  loadFromWire,
  loadToWire,
  resourcesFromWire,
  resourcesToWire,
  tagsFromWire,
  tagsToWire,
} from "./member-codec";

export function encodeWorkerMessage(message: WorkerMessage): Uint8Array {
  return AttachRequest.encode({ message: workerMessageToWire(message) }).finish();
}

/** `undefined` for a kind of a newer version, which is to be ignored. Throws when the bytes are no message. */
export function decodeWorkerMessage(bytes: Uint8Array): WorkerMessage | undefined {
  const { message } = AttachRequest.decode(bytes);
  switch (message?.$case) {
    case "hello":
      return { kind: "hello", hello: helloFromWire(message.value) };
    case "heartbeat":
      return { kind: "heartbeat", ...message.value, load: loadFromWire(message.value.load) };
    case "descriptors":
      return { kind: "descriptors", ...message.value };
    case "draining":
      return { kind: "draining", reason: message.value.reason };
    case "goodbye":
      return { kind: "goodbye", reason: message.value.reason };
    case "probeResult":
      return { kind: "probe-result", ...message.value };
    case "agentReport":
      return { kind: "agent-report", ...message.value, generation: Number(message.value.generation) };
    case undefined:
      return undefined;
  }
}

export function encodeDirectorMessage(message: DirectorMessage): Uint8Array {
  return AttachResponse.encode({ message: directorMessageToWire(message) }).finish();
}

/** `undefined` for a kind of a newer version, which is to be ignored. Throws when the bytes are no message. */
export function decodeDirectorMessage(bytes: Uint8Array): DirectorMessage | undefined {
  const { message } = AttachResponse.decode(bytes);
  switch (message?.$case) {
    case "welcome":
      return { kind: "welcome", ...message.value, epoch: Number(message.value.epoch) };
    case "heartbeatAck":
      return {
        kind: "heartbeat-ack",
        seq: message.value.seq,
        sentAtMs: message.value.sentAtMs,
        directorTimeUnixMs: Number(message.value.directorTimeUnixMs),
      };
    case "drain":
      return { kind: "drain", ...message.value };
    case "undrain":
      return { kind: "undrain" };
    case "probeRequest":
      return { kind: "probe-request", ...message.value };
    case "configuration":
      return { kind: "configuration", ...message.value };
    case "memberEvent": {
      const event = eventFromWire(message.value);
      return event && { kind: "member-event", event };
    }
    case "agents":
      return { kind: "agents", ...message.value, start: message.value.start.map(agentOrderFromWire) };
    case undefined:
      return undefined;
  }
}

function workerMessageToWire(message: WorkerMessage): NonNullable<AttachRequest["message"]> {
  switch (message.kind) {
    case "hello":
      return { $case: "hello", value: helloToWire(message.hello) };
    case "heartbeat":
      return { $case: "heartbeat", value: { ...message, load: loadToWire(message.load) } };
    case "descriptors":
      return { $case: "descriptors", value: { ...message, fileDescriptorSet: Buffer.from(message.fileDescriptorSet) } };
    case "draining":
      return { $case: "draining", value: message };
    case "goodbye":
      return { $case: "goodbye", value: message };
    case "probe-result":
      return { $case: "probeResult", value: message };
    case "agent-report":
      return { $case: "agentReport", value: { ...message, generation: BigInt(message.generation) } };
  }
}

function directorMessageToWire(message: DirectorMessage): NonNullable<AttachResponse["message"]> {
  switch (message.kind) {
    case "welcome":
      return {
        $case: "welcome",
        value: { ...message, epoch: BigInt(message.epoch), directors: [...message.directors] },
      };
    case "heartbeat-ack":
      return { $case: "heartbeatAck", value: { ...message, directorTimeUnixMs: BigInt(message.directorTimeUnixMs) } };
    case "drain":
      return { $case: "drain", value: { ...message, remainingMs: message.remainingMs } };
    case "undrain":
      return { $case: "undrain", value: {} };
    case "probe-request":
      return { $case: "probeRequest", value: message };
    case "configuration":
      return { $case: "configuration", value: { ...message, directors: [...message.directors] } };
    case "member-event":
      return { $case: "memberEvent", value: eventToWire(message.event) };
    case "agents":
      return {
        $case: "agents",
        value: { start: message.start.map(agentOrderToWire), stop: [...message.stop], complete: message.complete },
      };
  }
}

function helloToWire(hello: Hello): WireHello {
  return {
    ...hello,
    incarnation: BigInt(hello.incarnation),
    services: [...hello.services],
    tags: tagsToWire(hello.tags),
    resources: resourcesToWire(hello.resources),
    attachment: hello.attachment ?? 0,
    sharesSlots: hello.sharesSlots ?? false,
    takesAgents: hello.takesAgents ?? false,
    agentsMax: hello.agentsMax ?? 0,
    standby: hello.standby ?? false,
  };
}

function agentOrderToWire({ name, generation, parameters }: AgentOrder): WireAgentOrder {
  return { name, generation: BigInt(generation), parameters: tagsToWire(parameters) };
}

function agentOrderFromWire({ name, generation, parameters }: WireAgentOrder): AgentOrder {
  return { name, generation: Number(generation), parameters: tagsFromWire(parameters) };
}

function helloFromWire(hello: WireHello): Hello {
  return {
    ...hello,
    incarnation: Number(hello.incarnation),
    tags: tagsFromWire(hello.tags),
    resources: resourcesFromWire(hello.resources),
  };
}
