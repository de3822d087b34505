import { statusName } from "../../core/status";
import type { WireMember } from "../../wire/contract";
import { intentKindFromWire, stateFromWire } from "../../wire/member-codec";
import { byMethod, counted, gauge, perMember, seconds, single, type Metric } from "./metric";
import type { Facts } from "./scrape";

const STATES = ["joining", "alive", "suspect", "draining", "left", "dead"];
const INTENTS = ["serving", "cordoned", "draining", "maintenance", "standby"];
/** By the numbers of AgentState, from 1. */
const AGENT_STATES = ["pending", "starting", "running", "failed"];

/** Members that have metrics of their own, by id; of more, monitoring gets what all have in common. */
export const MEMBERS_MAX = 2_000;

/** Everything at /metrics. docs/metrics.md is printed from this table. */
export const METRICS: Readonly<Record<string, Metric>> = {
  heddle_build_info: gauge("1; the version of the director.", ["version"], ({ version }) => [
    { labels: { version }, value: 1 },
  ]),
  heddle_uptime_seconds: single("gauge", "Since the director started.", ({ stats }) => seconds(Number(stats.uptimeMs))),

  heddle_calls_started_total: single("counter", "Calls that came to be routed.", ({ stats }) =>
    Number(stats.callsStarted),
  ),
  heddle_calls_total: {
    type: "counter",
    help: 'Calls that ended, by gRPC status and by the member that had them last ("": none did). A method is "other" when no contract has it.',
    labels: ["method", "status", "member"],
    read: ({ stats }) =>
      stats.calls
        .filter(({ departed }) => !departed)
        .flatMap(({ method, memberId: member, ended }) =>
          [...ended].map(([status, calls]) => ({
            labels: { method, status: statusName(status), member },
            value: Number(calls),
          })),
        ),
  },
  heddle_call_duration_seconds: {
    type: "histogram",
    help: "How long calls took, from when they came until they ended; waiting for a worker and retries included.",
    labels: ["method"],
    read: ({ stats }) => byMethod(stats.calls, stats.latencyBoundsMs),
  },
  heddle_call_retries_total: single("counter", "Attempts beyond the first of a call.", ({ stats }) =>
    Number(stats.retries),
  ),
  heddle_calls_in_flight: single("gauge", "Attempts that run now.", ({ stats }) => stats.inFlight),
  heddle_calls_queued: single(
    "gauge",
    "Calls that wait for a ready worker with a free slot.",
    ({ stats }) => stats.queued,
  ),

  heddle_members: gauge("Members by state.", ["state"], ({ topology }) =>
    counted("state", STATES, topology.members, ({ state }) => stateFromWire(state) ?? "joining"),
  ),
  heddle_member_intents: gauge("Members by what the operator wants of them.", ["intent"], ({ topology }) =>
    counted(
      "intent",
      INTENTS,
      topology.members,
      ({ intent }) => (intent && intentKindFromWire(intent.kind)) ?? "serving",
    ),
  ),
  heddle_members_ready: single("gauge", "Members that may be picked.", ({ stats }) => stats.readyMembers),
  heddle_members_attached: single("gauge", "Workers whose stream this director holds.", ({ stats }) => stats.attached),
  heddle_members_omitted: single(
    "gauge",
    `Members without metrics of their own: only the first ${MEMBERS_MAX} have them.`,
    ({ topology }) => Math.max(0, topology.members.length - MEMBERS_MAX),
  ),
  heddle_heartbeats_total: single("counter", "Heartbeats of the workers attached here.", ({ stats }) =>
    Number(stats.heartbeats),
  ),
  heddle_assignments: single("gauge", "Workers assigned to clients that dial them (AssignWorker).", ({ stats }) =>
    Number(stats.assignments),
  ),
  heddle_agents: gauge("Named agents by state.", ["state"], ({ agents }) =>
    counted("state", AGENT_STATES, agents, ({ state }) => AGENT_STATES[state - 1] ?? "pending"),
  ),

  heddle_member_info: gauge(
    "1; what a member is, to join the others by.",
    ["member", "label", "role", "zone", "home", "version"],
    (facts) =>
      members(facts).map(({ memberId, label, role, tags, homeDirectorId, version }) => ({
        labels: { member: memberId, label, role, zone: tags.get("zone") ?? "", home: homeDirectorId, version },
        value: 1,
      })),
  ),
  heddle_member_ready: perMember("1 when it may be picked, 0 when not.", members, ({ ready }) => Number(ready)),
  heddle_member_slots: perMember(
    "Calls that it is willing to execute at once; 0 means it sets no bound.",
    members,
    ({ slots }) => slots,
  ),
  heddle_member_slots_used: perMember(
    "Calls that it executes, whoever sent them, as of its last heartbeat; of workers attached here.",
    attached,
    ({ load }) => load?.inFlight ?? 0,
  ),
  heddle_member_calls_in_flight: perMember(
    "Calls that this director has on it.",
    members,
    ({ directorInFlight }) => directorInFlight,
  ),
  heddle_member_phi: perMember(
    "How suspicious its silence is (phi accrual); suspect at HEDDLE_PHI_THRESHOLD. Of workers attached here.",
    attached,
    ({ phi }) => phi,
  ),
  heddle_member_heartbeat_age_seconds: {
    type: "gauge",
    help: "Since its last heartbeat; of workers attached here.",
    labels: ["member"],
    read: (facts) =>
      attached(facts).map(({ memberId, lastHeartbeatUnixMs }) => ({
        labels: { member: memberId },
        value: Math.max(0, seconds(facts.process.nowUnixMs - Number(lastHeartbeatUnixMs))),
      })),
  },
  heddle_member_call_duration_seconds: gauge(
    "Quantiles of its calls of about the last minute, by attempt; 0 when there was none.",
    ["member", "quantile"],
    ({ stats }) =>
      stats.perMember.slice(0, MEMBERS_MAX).flatMap(({ memberId: member, latencyP50Ms, latencyP99Ms }) => [
        { labels: { member, quantile: "0.5" }, value: seconds(latencyP50Ms) },
        { labels: { member, quantile: "0.99" }, value: seconds(latencyP99Ms) },
      ]),
  ),

  heddle_directors: single("gauge", "Directors of the cluster.", ({ topology }) => topology.directors.length),
  heddle_leader: single("gauge", "1 when this director leads the cluster, 0 when not.", ({ stats, leader }) =>
    Number(leader.directorId !== "" && leader.directorId === stats.directorId),
  ),
  heddle_leader_known: single("gauge", "1 when this director knows who leads, 0 when not.", ({ leader }) =>
    Number(leader.directorId !== ""),
  ),
  heddle_leader_epoch: single("gauge", "Rises with every new leadership.", ({ leader }) => Number(leader.epoch)),

  heddle_store_available: single(
    "gauge",
    "1 when the store answered the last time it was asked, 0 when not.",
    ({ stats }) => Number(stats.storeAvailable),
  ),
  heddle_store_duration_seconds: {
    type: "histogram",
    help: "How long the store took to answer.",
    labels: [],
    read: ({ stats }) => [
      {
        labels: {},
        boundsMs: stats.latencyBoundsMs,
        counts: stats.storeLatencyCounts.map(Number),
        sumMs: stats.storeLatencySumMs,
      },
    ],
  },
  heddle_store_failures_total: single(
    "counter",
    "Requests that the store did not answer, or not in time.",
    ({ stats }) => Number(stats.storeFailures),
  ),

  heddle_event_loop_lag_seconds: single(
    "gauge",
    "Longest delay of the director's event loop in the last ten seconds.",
    ({ stats }) => seconds(stats.loopLagMs),
  ),
  process_cpu_seconds_total: single(
    "counter",
    "CPU time of the director's process.",
    ({ process }) => process.cpuSeconds,
  ),
  process_resident_memory_bytes: single(
    "gauge",
    "Memory of the director's process.",
    ({ process }) => process.residentBytes,
  ),
  process_start_time_seconds: single("gauge", "Unix time at which the process started.", ({ process }) =>
    seconds(process.startedAtUnixMs),
  ),
  nodejs_heap_size_used_bytes: single("gauge", "JavaScript heap in use.", ({ process }) => process.heapUsedBytes),
  nodejs_heap_size_total_bytes: single(
    "gauge",
    "JavaScript heap taken from the system.",
    ({ process }) => process.heapTotalBytes,
  ),
};

function members({ topology }: Facts): readonly WireMember[] {
  return topology.members.slice(0, MEMBERS_MAX);
}

/** Those whose heartbeats come to this director. */
function attached(facts: Facts): readonly WireMember[] {
  return members(facts).filter(({ homeDirectorId }) => homeDirectorId === facts.stats.directorId);
}
