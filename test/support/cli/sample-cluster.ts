import type { Agents, Operator } from "../../../src/cli/operator";
import { CallError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import { InProcessConnection } from "../../../src/rpc/client/in-process-connection";
import { MessageConnection } from "../../../src/rpc/client/message-connection";
import { MessageServices } from "../../../src/rpc/server/message-services";
import { mountService, type Handlers } from "../../../src/rpc/service/service-handlers";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { ManualClock } from "../../../src/testing/manual-clock";
import {
  AgentServiceDefinition,
  DirectorServiceDefinition,
  DrainMeasure,
  DrainPhase,
  HealthStatus,
  TopologyType,
} from "../../../src/wire/contract";
import { eventToWire, intentKindFromWire } from "../../../src/wire/member-codec";
import { COMPUTE, NOW_MS, SAMPLE_AGENTS, SAMPLE_DIRECTORS, SAMPLE_MEMBERS, sampleMember } from "./sample-members";

export type DirectorHandlers = Handlers<DirectorServiceDefinition>;
export type AgentHandlers = Handlers<AgentServiceDefinition>;

/** A director played by a test: always the same cluster, so that what a command prints of it is always the same. */
export interface SampleCluster {
  readonly operator: Operator;
  readonly agents: Agents;
  readonly clock: ManualClock;
}

const MESSAGE_MAX_BYTES = 4 * 1024 * 1024;

/** @param changes - handlers in place of the sample's */
export function sampleCluster(
  changes: Partial<DirectorHandlers> = {},
  agentChanges: Partial<AgentHandlers> = {},
): SampleCluster {
  const clock = new ManualClock({ wallMs: NOW_MS });
  const served = new MessageServices(clock, MESSAGE_MAX_BYTES);
  const chunks = new InProcessConnection((call) => served.serve(call, chunks));
  const options = { clock, messageMaxBytes: MESSAGE_MAX_BYTES, userAgent: "test" };
  const connection = new MessageConnection(chunks, options);
  const services = [
    mountService(DirectorServiceDefinition, { ...unused, ...DIRECTOR, ...changes } as DirectorHandlers),
    mountService(AgentServiceDefinition, { ...AGENTS, ...agentChanges }),
  ];
  for (const { methods } of services) for (const [path, handler] of methods) served.handle(path, handler);
  const operator = typedClient(DirectorServiceDefinition, connection);
  return { operator, agents: typedClient(AgentServiceDefinition, connection), clock };
}

const unused = Object.fromEntries(
  Object.keys(DirectorServiceDefinition.methods).map((method) => [
    method,
    () => {
      throw new CallError(Status.UNIMPLEMENTED, `no command of the sample asks for ${method}`);
    },
  ]),
);

const SAMPLE_EVENTS = [
  {
    revision: 41,
    kind: "node-joined",
    memberId: "gpu-1",
    detail: "attached to director-1",
    atUnixMs: NOW_MS - 93_600_000,
  },
  {
    revision: 57,
    kind: "intent-changed",
    memberId: "web-1",
    detail: "cordoned by ann: fan is loud",
    atUnixMs: NOW_MS - 300_000,
  },
  { revision: 58, kind: "node-suspected", memberId: "web-2", detail: "silent for 4 s", atUnixMs: NOW_MS - 95_000 },
  { revision: 59, kind: "node-failed", memberId: "web-3", detail: "no probe reached it", atUnixMs: NOW_MS - 91_000 },
] as const;

const memberOf = (memberId: string) => {
  const member = SAMPLE_MEMBERS.find((each) => each.memberId === memberId);
  if (!member) throw new CallError(Status.NOT_FOUND, `there is no member "${memberId}"`);
  return member;
};

const DIRECTOR: Partial<DirectorHandlers> = {
  listMembers: ({ role, match, service }) => {
    const [key = "", value] = match.split("=");
    const members = SAMPLE_MEMBERS.filter((each) => role === "" || each.role === role)
      .filter((each) => match === "" || each.tags.get(key) === value)
      .filter((each) => service === "" || each.services.includes(service));
    return { members: [...members], revision: 59n };
  },
  getMember: ({ memberId }) => ({ member: memberOf(memberId) }),
  removeMember: ({ memberId }) => (memberOf(memberId), {}),
  watchEvents: async function* ({ afterRevision, latestMax }, { signal }) {
    const events = SAMPLE_EVENTS.filter(({ revision }) => latestMax > 0 || revision > afterRevision);
    for (const event of latestMax > 0 ? events.slice(-latestMax) : events) yield { event: eventToWire(event) };
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  },
  setIntent: ({ memberId, kind, reason }) => {
    memberOf(memberId);
    const intent = intentKindFromWire(kind) ?? "serving";
    const notReadyReason = intent === "serving" ? "" : `operator: ${intent}${reason && ` (${reason})`}`;
    return { member: sampleMember(memberId, 11, { intent, reason, notReadyReason, inFlight: 2 }) };
  },
  drainMember: async function* ({ memberId, reason, setBy }) {
    await Promise.resolve();
    const startedAtUnixMs = BigInt(NOW_MS);
    const order = { memberId, reason, setBy, startedAtUnixMs, deadlineUnixMs: BigInt(NOW_MS + 1_800_000) };
    const measured = { ...order, measuredBy: DrainMeasure.WORKER };
    const detail = "waiting until no director picks it";
    yield { ...measured, phase: DrainPhase.TAKING_OUT, inFlight: 2, elapsedMs: 0n, detail };
    yield { ...measured, phase: DrainPhase.FINISHING, inFlight: 2, elapsedMs: 1_000n };
    yield { ...measured, phase: DrainPhase.FINISHING, inFlight: 1, elapsedMs: 6_000n };
    yield { ...measured, phase: DrainPhase.COMPLETE, inFlight: 0, elapsedMs: 9_000n };
  },
  getTopology: () => ({
    clusterId: "heddle",
    clusterName: "shop",
    shape: "active-active",
    type: TopologyType.HYBRID,
    directors: [...SAMPLE_DIRECTORS],
    members: [...SAMPLE_MEMBERS],
    zones: ["a", "b", "東京"].map((name) => {
      const inZone = SAMPLE_MEMBERS.filter(({ tags }) => tags.get("zone") === name);
      const memberIds = inZone.map(({ memberId }) => memberId);
      return { name, members: inZone.length, readyMembers: inZone.filter(({ ready }) => ready).length, memberIds };
    }),
  }),
  getClusterHealth: () => ({
    status: HealthStatus.DEGRADED,
    members: 6,
    readyMembers: 3,
    storeAvailable: true,
    problems: ["web-2: suspect: silent for 4 s", "web-3: dead: no probe reached it"],
  }),
  getStats: () => ({
    directorId: "director-1",
    uptimeMs: 172_800_000n,
    callsStarted: 1_204_512n,
    callsSucceeded: 1_204_488n,
    callsFailed: 12n,
    callsCancelled: 2n,
    retries: 31n,
    inFlight: 10,
    queued: 3,
    members: 6,
    readyMembers: 3,
    policy: "least-connections",
    loopLagMs: 4.2,
    perMember: SAMPLE_MEMBERS.map(({ memberId }, index) => ({
      memberId,
      callsStarted: BigInt(200_000 - 1_000 * index),
      callsSucceeded: BigInt(199_990 - 1_000 * index),
      callsFailed: 8n,
      callsCancelled: 2n,
      latencyP50Ms: 3.4 + index,
      latencyP99Ms: 41 + 10 * index,
    })),
  }),
  getLeader: () => ({ directorId: "director-1", address: "10.0.0.1:61000", epoch: 7n }),
  transferLeadership: ({ directorId }) => ({ directorId: directorId || "director-2", epoch: 8n }),
  setDirectorIntent: ({ directorId, kind, reason, setBy }) => {
    const director = SAMPLE_DIRECTORS.find((each) => each.directorId === directorId);
    return { director: { ...director!, intent: { kind, reason, setBy, setAtUnixMs: BigInt(NOW_MS) } } };
  },
  getBalancing: () => ({ policy: "least-connections", available: ["round-robin", "least-connections", "peak-ewma"] }),
  setBalancing: ({ policy }) => ({ policy: policy.toLowerCase().replaceAll("_", "-") }),
  explain: ({ method, policy, memberId }) => {
    const serves = method.startsWith(COMPUTE);
    const candidates = SAMPLE_MEMBERS.map(({ memberId: id, notReadyReason, load, slots }) => {
      const inFlight = load?.inFlight ?? 0;
      const full = slots > 0 && inFlight >= slots ? `all ${slots} slots are in use` : "";
      const other = memberId !== "" && memberId !== id ? `the call asks for ${memberId}` : "";
      const excludedBecause = (serves ? "" : `it does not serve ${method}`) || other || notReadyReason || full;
      return { memberId: id, eligible: excludedBecause === "", excludedBecause, load: inFlight, inFlight, slots };
    });
    const picked = candidates.filter(({ eligible }) => eligible).sort((a, b) => a.load - b.load)[0];
    const message = picked ? "" : `[UNKNOWN_SERVICE] no worker serves ${method}`;
    return { pickedMemberId: picked?.memberId ?? "", policy: policy || "least-connections", candidates, message };
  },
};

const AGENTS: AgentHandlers = {
  assignAgent: ({ name, services, match, parameters }) => {
    const known = SAMPLE_AGENTS.find((each) => each.name === name);
    const agent = {
      ...SAMPLE_AGENTS[1]!,
      name,
      services,
      match,
      parameters,
      memberId: "web-4",
      generation: 1n,
      moves: 0,
    };
    return {
      agent: known ?? { ...agent, createdAtUnixMs: BigInt(NOW_MS), assignedAtUnixMs: BigInt(NOW_MS) },
      created: !known,
    };
  },
  releaseAgent: () => ({ released: true }),
  getAgent: ({ name }) => ({ agent: SAMPLE_AGENTS.find((each) => each.name === name) }),
  listAgents: ({ memberId }) => ({
    agents: SAMPLE_AGENTS.filter((agent) => memberId === "" || agent.memberId === memberId),
  }),
  rebalanceAgents: () => ({
    moves: [
      { name: "mailer", fromMemberId: "gpu-1", toMemberId: "web-4", reason: "gpu-1 has 1 agent more than web-4" },
    ],
  }),
};
