import { Agent, AgentState } from "../../../generated/heddle/v1/agent";
import { DirectorInfo } from "../../../generated/heddle/v1/director";
import { Member } from "../../../generated/heddle/v1/member";
import { intentToWire, stateToWire } from "../../../src/wire/member-codec";
import { DEFAULT_INTENT, NO_LOAD, type IntentKind, type MemberState } from "../../../src/core/member";

/** The wall clock of the sample cluster. */
export const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0);
const HOUR_MS = 3_600_000;
export const COMPUTE = "heddle.compute.v1.ComputeService";

interface Sample {
  readonly state?: MemberState;
  readonly stateReason?: string;
  readonly intent?: IntentKind;
  readonly reason?: string;
  readonly notReadyReason?: string;
  readonly inFlight?: number;
  readonly slots?: number;
  readonly label?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export function sampleMember(memberId: string, port: number, sample: Sample = {}): Member {
  const { state = "alive", intent = "serving", notReadyReason = "", inFlight = 0, slots = 8 } = sample;
  const setBy = intent === "serving" ? "" : "ann";
  const setAtUnixMs = intent === "serving" ? 0 : NOW_MS - 300_000;
  const wanted = { ...DEFAULT_INTENT, kind: intent, reason: sample.reason ?? "", setBy, setAtUnixMs };
  return Member.fromPartial({
    memberId,
    label: sample.label ?? memberId,
    address: `10.0.0.${port}:7000`,
    incarnation: BigInt(3),
    state: stateToWire(state),
    stateReason: sample.stateReason ?? "",
    stateSinceUnixMs: BigInt(NOW_MS - 2 * HOUR_MS),
    intent: intentToWire(wanted),
    role: "worker",
    tags: new Map(Object.entries(sample.tags ?? { zone: port % 2 === 0 ? "b" : "a" })),
    services: [COMPUTE],
    slots,
    resources: {
      cpuCores: 8,
      memoryMib: 16_384,
      diskMib: 102_400n,
      hostname: `host-${port}`,
      platform: "linux x64",
      cpuModel: "",
    },
    load: { ...NO_LOAD, cpuRatio: 0.42, memoryRatio: 0.31, diskRatio: 0.2, inFlight, loopLagMs: 3.2 },
    homeDirectorId: port % 2 === 0 ? "director-2" : "director-1",
    descriptorSetHash: "",
    version: "0.1.0",
    joinedAtUnixMs: BigInt(NOW_MS - 26 * HOUR_MS),
    lastHeartbeatUnixMs: BigInt(NOW_MS - (state === "alive" ? 400 : 95_000)),
    phi: state === "alive" ? 0.12 : 9.3,
    directorInFlight: 0,
    ready: notReadyReason === "",
    notReadyReason,
    roundTripMs: 0.4,
    takesAgents: true,
  });
}

/** One of each kind: ready, full, out, silent, gone, and one whose names are not ASCII. */
export const SAMPLE_MEMBERS: readonly Member[] = [
  sampleMember("gpu-1", 11, { inFlight: 2, tags: { zone: "a", gpu: "true" } }),
  sampleMember("gpu-2", 12, { inFlight: 8, tags: { zone: "b", gpu: "true" } }),
  sampleMember("web-1", 21, {
    intent: "cordoned",
    reason: "fan is loud",
    notReadyReason: "operator: cordoned (fan is loud)",
  }),
  sampleMember("web-2", 22, {
    state: "suspect",
    stateReason: "silent for 4 s",
    notReadyReason: "suspect: silent for 4 s",
  }),
  sampleMember("web-3", 23, {
    state: "dead",
    stateReason: "no probe reached it",
    notReadyReason: "dead: no probe reached it",
  }),
  sampleMember("web-4", 24, { label: "東京 🚀", slots: 0, tags: { zone: "東京" } }),
];

export const SAMPLE_DIRECTORS: readonly DirectorInfo[] = ["director-1", "director-2"].map((directorId, index) =>
  DirectorInfo.fromPartial({
    directorId,
    address: `10.0.0.${index + 1}:61000`,
    leader: index === 0,
    self: index === 0,
    startedAtUnixMs: BigInt(NOW_MS - 48 * HOUR_MS),
    version: "0.1.0",
    httpAddress: `10.0.0.${index + 1}:8151`,
  }),
);

const AGENT = Agent.fromPartial({
  name: "mailer",
  services: [COMPUTE],
  match: "",
  state: AgentState.RUNNING,
  reason: "",
  memberId: "gpu-1",
  generation: 2n,
  createdAtUnixMs: BigInt(NOW_MS - 20 * HOUR_MS),
  assignedAtUnixMs: BigInt(NOW_MS - HOUR_MS),
  parameters: new Map([["queue", "outgoing"]]),
  moves: 1,
});

export const SAMPLE_AGENTS: readonly Agent[] = [
  {
    ...AGENT,
    name: "indexer",
    match: "gpu=true",
    state: AgentState.PENDING,
    reason: "no node with a free slot matches gpu=true",
    memberId: "",
    generation: 0n,
    assignedAtUnixMs: 0n,
    moves: 0,
  },
  AGENT,
];
