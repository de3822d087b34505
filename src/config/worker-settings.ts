import { dialableAddress, listenAddress } from "./address-kinds";
import { bytes, choice, durationMs, flag, identifier, integer, text } from "./kinds";
import { namesDialableAddress, needs, together } from "./setting-rules";
import type { Config } from "./setting";
import {
  directorAddresses,
  drainTimeoutMs,
  logSettings,
  messageMaxBytes,
  reconnectMaxMs,
  servingTlsSettings,
  transport,
} from "./shared-settings";
import { tags } from "./tags-kind";
import { workerPortSettings } from "./worker-port-settings";

/** The tag that AGENT_TYPE becomes. */
export const AGENT_TYPE_TAG = "agent_type";

/** What PICCOLO's agents beat at unless told otherwise. */
export const PICCOLO_HEARTBEAT_MS = 30_000;

export const workerSettings = {
  label: identifier("WORKER_LABEL", {
    default: "worker-1",
    aliases: [{ name: "PICCOLO_NODE_NAME" }],
    doc: "Name of the worker in log lines, lists and the `label` tag. Give each worker its own.",
  }),
  memberId: identifier("NODE_ID", {
    default: "",
    unset: "the label",
    doc: "Identity of the worker in the cluster, unique and the same after a restart: it is how a restarted worker gets its place and its operator's settings back.",
  }),
  listenAddress: listenAddress("WORKER_ADDR", {
    default: "127.0.0.1:62001",
    doc: "Where the worker listens for calls. Only this machine can reach the default.",
  }),
  advertiseAddress: dialableAddress("WORKER_ADVERTISE_ADDR", {
    default: "",
    unset: "the address it listens at",
    doc: "The address by which directors and clients reach the worker. Needed when WORKER_ADDR is 0.0.0.0 or [::], or behind a port mapping.",
  }),
  directors: directorAddresses,
  role: text("ROLE", {
    default: "worker",
    aliases: [{ name: "PICCOLO_NODE_ROLE" }],
    pattern: /^[A-Za-z0-9._-]{1,63}$/,
    accepts: "1 to 63 letters, digits and . _ -",
    doc: "What the member is in the cluster: `worker`, `coordinator`, `agent`, `gateway`, `monitor`, `replica`, `standby`, `master`, `sub`, or a word of your own. Shown in lists and matched by selectors. Two change something: `standby` is WORKER_STANDBY, and `gateway` and `monitor` serve nothing unless they are given services (docs/workers.md).",
  }),
  standby: flag("WORKER_STANDBY", {
    default: false,
    doc: "The worker is there for when the others are full or gone: it gets a call only while no other worker that serves can take it. Also said by ROLE=standby. What an operator sets (`heddle nodes standby`, `resume`) wins, and is kept over restarts.",
  }),
  agentType: choice("AGENT_TYPE", {
    default: "",
    words: ["", "monitoring", "storage", "compute", "network", "generic"],
    doc: `What an agent is for. Becomes the tag \`${AGENT_TYPE_TAG}\`, unless WORKER_TAGS has one.`,
  }),
  tags: tags("WORKER_TAGS", {
    default: {},
    doc: "What calls can choose the worker by (`heddle-match: gpu=true,zone=a`). A key alone means `=true`.",
  }),
  slots: integer("WORKER_SLOTS", {
    default: 0,
    min: 1,
    max: 1_000_000,
    unset: "no bound",
    doc: "Calls the worker is willing to execute at once. Balancers stay under it while others are free, and the worker refuses what is over it (WORKER_FULL). Leave it unset for no bound; 0 is refused, since a worker without slots could do nothing.",
  }),
  agentsMax: integer("WORKER_AGENTS_MAX", {
    default: 0,
    min: 1,
    max: 1_000_000,
    unset: "as many as WORKER_SLOTS, and without those no bound",
    doc: "Agents the worker takes at most (docs/agents.md). They are no calls: an agent takes no slot from a call, and a call none from an agent.",
  }),
  agentsAloneMs: durationMs("HEDDLE_AGENTS_ALONE_MS", {
    default: 60_000,
    min: 0,
    max: 86_400_000,
    doc: "How long the worker lets its agents go on while no director answers it. After that they are stopped, since they may have been placed elsewhere; it gets back those that are still its own. Lower makes it shorter that an agent can run twice, and stops agents at shorter outages of all directors. 0 never stops them.",
  }),
  threads: integer("WORKER_THREADS", {
    default: 0,
    min: 0,
    max: 256,
    doc: "Threads that run the handlers, so that one that computes for long holds up neither heartbeats nor the calls of other threads. 0 runs them on the main thread, which is cheaper for handlers that mostly wait. For handlers that compute: as many as there are processors, at the price of a Node.js heap for each (docs/threads.md).",
  }),
  threadHeapMaxBytes: bytes("HEDDLE_THREAD_HEAP_MAX_BYTES", {
    default: 0,
    min: 16 * 1024 * 1024,
    max: 64 * 1024 * 1024 * 1024,
    unset: "what Node.js gives a thread",
    doc: "Memory for the JavaScript objects of one thread of WORKER_THREADS; buffers are not counted. A thread that needs more ends, with its calls (THREAD_LOST), and is replaced.",
  }),
  failureEnabled: flag("WORKER_FAILURE_ENABLED", {
    default: false,
    doc: "Makes the worker fail on purpose, to watch failover: 10 s of work, 3 s of warning, 5 s of failure, and again.",
  }),
  failurePhaseMs: durationMs("HEDDLE_FAILURE_PHASE_MS", {
    default: 0,
    min: 0,
    max: 18_000,
    doc: "How far into the failure cycle the worker starts, so that several workers do not fail together.",
  }),
  heartbeatIntervalMs: durationMs("HEDDLE_WORKER_HEARTBEAT_MS", {
    default: 0,
    min: 0,
    max: 60_000,
    unset: "the director's; 30,000 when PICCOLO_NODE_ROLE is the role's source",
    doc: "The heartbeat interval this worker asks for; 0 takes the director's. Longer makes less traffic, and silence is noticed later.",
  }),
  idempotencyWindowMs: durationMs("HEDDLE_IDEMPOTENCY_WINDOW_MS", {
    default: 600_000,
    min: 1_000,
    max: 86_400_000,
    doc: "How long the worker keeps the result of a call with an idempotency key, to answer repeats of it with. Ten minutes are more than any caller keeps trying; a repeat after that runs again.",
  }),
  idempotencyKeysMax: integer("HEDDLE_IDEMPOTENCY_KEYS_MAX", {
    default: 100_000,
    min: 1,
    max: 10_000_000,
    doc: "How many idempotency keys the worker remembers at once. At the bound calls with new keys are refused (KEYS_FULL) and none is forgotten before its time. The default is 160 such calls a second over the default window, and some 50 MB.",
  }),
  idempotencyMaxBytes: bytes("HEDDLE_IDEMPOTENCY_MAX_BYTES", {
    default: 64 * 1024 * 1024,
    min: 1024,
    max: 64 * 1024 * 1024 * 1024,
    doc: "How much the results of calls with idempotency keys may take, each with 512 bytes for itself. Over it calls with new keys are refused (KEYS_FULL); those that run may end, so it can be exceeded by their results.",
  }),
  reconnectMaxMs,
  drainTimeoutMs,
  messageMaxBytes,
  transport,
  compression: choice("HEDDLE_WORKER_COMPRESSION", {
    default: "identity",
    words: ["identity", "gzip", "deflate"],
    doc: "How messages of 1 KiB or more of the answers are sent to callers that say they can read it, unless a handler says otherwise. Worth it where the network is the bottleneck: a megabyte of JSON takes the worker some 5 ms of CPU time. Not with HEDDLE_TRANSPORT=grpc-js, which sends answers as they are.",
  }),
  ...workerPortSettings,
  ...servingTlsSettings,
  ...logSettings,
};

export type WorkerConfig = Config<typeof workerSettings>;

export function workerMistakes(config: WorkerConfig): string[] {
  const mistakes = [
    ...namesDialableAddress(["WORKER_ADDR", config.listenAddress], ["WORKER_ADVERTISE_ADDR", config.advertiseAddress]),
    ...together(["HEDDLE_TLS_CERT_FILE", config.tlsCertFile], ["HEDDLE_TLS_KEY_FILE", config.tlsKeyFile]),
    ...needs(["HEDDLE_TLS_CLIENT_CA_FILE", config.tlsClientCaFile], ["HEDDLE_TLS_CERT_FILE", config.tlsCertFile]),
  ];
  if (config.heartbeatIntervalMs > 0 && config.heartbeatIntervalMs < 50) {
    mistakes.push(`HEDDLE_WORKER_HEARTBEAT_MS is ${config.heartbeatIntervalMs}: must be 0, or at least 50`);
  }
  return mistakes;
}
