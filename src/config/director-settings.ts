import { dialableAddress, endpointList, listenAddress } from "./address-kinds";
import { httpSettings } from "./http-settings";
import { bytes, decimal, durationMs, identifier, integer, path, text } from "./kinds";
import { relaySettings } from "./relay-settings";
import { namesDialableAddress, needs, together } from "./setting-rules";
import type { Config } from "./setting";
import {
  attemptsMax,
  dataKeepaliveMs,
  DIRECTOR_PORT,
  drainTimeoutMs,
  logSettings,
  messageMaxBytes,
  resumeWindowMs,
  retryBudgetSettings,
  servingTlsSettings,
} from "./shared-settings";

/** `dataDir` of a director that keeps nothing on disk. */
export const IN_MEMORY = "memory";
/** `dataDir` unless set: a folder for each port, so that two directors started side by side do not meet. */
export const DATA_DIR_BY_PORT = "auto";

export const directorSettings = {
  listenAddress: listenAddress("DIRECTOR_ADDR", {
    default: `127.0.0.1:${DIRECTOR_PORT}`,
    doc: "Where the director listens, for everything: control services, reflection, and the calls it relays. Only this machine can reach the default.",
  }),
  advertiseAddress: dialableAddress("HEDDLE_ADVERTISE_ADDR", {
    default: "",
    unset: "the address it listens at",
    doc: "The address by which workers, clients and other directors reach this director. Needed when DIRECTOR_ADDR is 0.0.0.0 or [::], or behind a port mapping.",
  }),
  directorId: identifier("HEDDLE_DIRECTOR_ID", {
    default: "",
    unset: "made from the advertised address",
    doc: "Name of this director among the directors of the cluster. Keep it across restarts: it is how a restarted director finds the workers that were its own.",
  }),
  clusterId: identifier("HEDDLE_CLUSTER_ID", {
    default: "heddle",
    doc: "Name of the cluster in everything that answers with a cluster id. The same on every director.",
  }),
  clusterName: text("HEDDLE_CLUSTER_NAME", {
    default: "heddle",
    doc: "Name of the cluster for people.",
  }),

  ...httpSettings,

  dataDir: path("HEDDLE_DATA_DIR", {
    default: DATA_DIR_BY_PORT,
    unset: ".heddle/<port>; in memory when the port is 0",
    doc: `Folder of the embedded store (not used with ETCD_ENDPOINTS). Durable by default, because an operator's intent (a drain, a cordon) must survive a restart. \`${IN_MEMORY}\` keeps nothing on disk. One director at a time may use a folder.`,
  }),
  workerSocketDir: path("HEDDLE_WORKER_SOCKET_DIR", {
    default: "",
    unset: "workers' unix sockets are refused",
    doc: "Folder on this machine in which the unix sockets of workers may be. The director calls any socket there that a worker names as its own, so only workers should be able to write to it.",
  }),
  etcdEndpoints: endpointList("ETCD_ENDPOINTS", {
    default: [],
    unset: "unset: the embedded store",
    doc: "The etcd servers. With them the record of the cluster is in etcd and any number of directors may serve at once; without, this director keeps it by itself.",
  }),
  etcdPrefix: text("HEDDLE_ETCD_PREFIX", {
    default: "/heddle/",
    pattern: /^[!-~]{1,128}$/,
    accepts: "1 to 128 printable ASCII characters without spaces",
    doc: "Put before every key in etcd. Clusters that share an etcd need different ones, none the beginning of another.",
  }),
  etcdUser: text("HEDDLE_ETCD_USER", { default: "", doc: "User name at etcd. Needs HEDDLE_ETCD_PASSWORD_FILE." }),
  etcdPasswordFile: path("HEDDLE_ETCD_PASSWORD_FILE", {
    default: "",
    doc: "File with the password of HEDDLE_ETCD_USER. A file, because an environment variable shows up in process lists and crash reports.",
  }),
  etcdCaFile: path("HEDDLE_ETCD_CA_FILE", {
    default: "",
    unset: "connections to etcd are plain text",
    doc: "PEM file with the authorities that etcd's certificate is checked against. Setting it makes the connections to etcd TLS.",
  }),
  etcdCertFile: path("HEDDLE_ETCD_CERT_FILE", {
    default: "",
    doc: "PEM file with the certificate shown to etcd. Given together with HEDDLE_ETCD_KEY_FILE.",
  }),
  etcdKeyFile: path("HEDDLE_ETCD_KEY_FILE", {
    default: "",
    doc: "PEM file with the private key of HEDDLE_ETCD_CERT_FILE.",
  }),
  sessionTtlMs: durationMs("HEDDLE_SESSION_TTL_MS", {
    default: 10_000,
    min: 2_000,
    max: 300_000,
    doc: "Life of the director's lease in the store; renewed at a third of it. When a director dies, its workers count as its own for this long unless they attach to another one first. Lower hands over sooner, but a store that stalls this long makes directors give up their leases.",
  }),

  heartbeatIntervalMs: durationMs("HEDDLE_HEARTBEAT_INTERVAL_MS", {
    default: 1_000,
    min: 50,
    max: 60_000,
    doc: "How often workers report that they are alive. Sets the pace of failure detection by silence: a few of these. Lower finds frozen workers sooner and costs CPU in proportion to the number of workers.",
  }),
  phiThreshold: decimal("HEDDLE_PHI_THRESHOLD", {
    default: 8,
    min: 1,
    max: 32,
    doc: "Suspicion at which a silent worker becomes suspect. A threshold of n means one wrong suspicion in about 10^n heartbeats, if past intervals foretell the next (Hayashibara et al. 2004). Lower suspects sooner and wrongly more often; a wrong suspicion costs a worker its new calls until its next heartbeat.",
  }),
  probeFanout: integer("HEDDLE_PROBE_FANOUT", {
    default: 3,
    min: 0,
    max: 10,
    doc: "How many other workers are asked to reach a suspect before it is judged dead (SWIM's indirect probe), so that a fault between the director and one worker does not decide alone. 0 turns it off.",
  }),
  reattachGraceMs: durationMs("HEDDLE_REATTACH_GRACE_MS", {
    default: 15_000,
    min: 0,
    max: 600_000,
    doc: "How long a restarted director waits for the workers it knew before it judges the missing ones dead. Three times HEDDLE_RECONNECT_MAX_MS, so that a worker may miss it once and come back in time.",
  }),
  deadTtlMs: durationMs("HEDDLE_DEAD_TTL_MS", {
    default: 60_000,
    min: 0,
    max: 86_400_000,
    doc: "How long the record of a dead or departed worker is kept, for people to see, before it is forgotten. What operators set for the worker is kept regardless.",
  }),

  balancer: text("HEDDLE_BALANCER", {
    default: "least-connections",
    doc: "The balancing policy until SetBalancing says otherwise. `round-robin`, `RoundRobin` and `round_robin` are the same. Least-connections is the default because it needs no tuning and follows calls of unequal length.",
  }),
  balancerModule: path("HEDDLE_BALANCER_MODULE", {
    default: "",
    doc: "A JavaScript module that exports a policy function of your own, used in place of HEDDLE_BALANCER. It runs inside the director, on the path of every call.",
  }),
  slowStartMs: durationMs("HEDDLE_SLOW_START_MS", {
    default: 5_000,
    min: 0,
    max: 600_000,
    doc: "Time over which a new worker's share of the calls rises to its full one, so that cold caches and JIT do not meet full load. 0 turns it off.",
  }),
  queueMax: integer("HEDDLE_QUEUE_MAX", {
    default: 1_000,
    min: 0,
    max: 1_000_000,
    doc: "How many calls may wait for a ready worker at once; beyond it they fail with QUEUE_FULL. Each holds its request in memory. 0 lets none wait.",
  }),
  queueTimeoutMs: durationMs("HEDDLE_QUEUE_TIMEOUT_MS", {
    default: 5_000,
    min: 0,
    max: 600_000,
    doc: "How long a call waits for a ready worker, within its own deadline, before it fails with NO_READY_WORKER. Long enough for a worker to restart; short enough that an outage shows.",
  }),
  attemptsMax,
  resumeWindowMs,
  ...retryBudgetSettings,
  retryBufferBytes: bytes("HEDDLE_RETRY_BUFFER_BYTES", {
    default: 256 * 1024,
    min: 0,
    max: 64 * 1024 * 1024,
    doc: "How much of a call's request is kept for another attempt. A call that has sent more is not retried.",
  }),
  retryMemoryBytes: bytes("HEDDLE_RETRY_MEMORY_BYTES", {
    default: 32 * 1024 * 1024,
    min: 0,
    max: 64 * 1024 * 1024 * 1024,
    doc: "How much of their requests all calls together keep for another attempt. Beyond it a call keeps nothing once it was sent, and is not retried. Room for some 90,000 calls of 100 bytes at once; bounds what unfinished uploads can make the director hold.",
  }),
  assignmentTtlMs: durationMs("HEDDLE_ASSIGNMENT_TTL_MS", {
    default: 30_000,
    min: 1_000,
    max: 3_600_000,
    doc: "How long an assignment (AssignWorker) counts towards its worker's load unless it is renewed or released. Lower frees the load of vanished clients sooner; clients renew at a third of it.",
  }),
  agentRebalanceMs: durationMs("HEDDLE_AGENT_REBALANCE_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "How often the leader moves agents from workers that have many to such as have few, at most 10 each time (docs/agents.md). 0, the default, never does: a move interrupts an agent. They can be spread by hand at any time.",
  }),
  relayWorkers: integer("HEDDLE_RELAY_WORKERS", {
    default: 1,
    min: 1,
    max: 64,
    doc: "How many processes carry the calls that pass through. 1 is the director's own process, with no other. With more, the director accepts the connections and hands each to the process with the fewest, for good: a single connection uses a single core. Each process connects to every worker; HEDDLE_QUEUE_MAX and HEDDLE_CALLS_MAX are divided among them. As many as there are cores, if relaying is what keeps the director busy; a policy of your own must then be in a module.",
  }),
  dataKeepaliveMs,
  drainTimeoutMs,
  descriptorsMaxBytes: bytes("HEDDLE_DESCRIPTORS_MAX_BYTES", {
    default: 1024 * 1024,
    min: 1024,
    max: 16 * 1024 * 1024,
    doc: "Largest descriptor set a worker may bring. They are kept in memory for reflection, one per distinct contract. 1 MiB is a contract of some hundred files.",
  }),
  messageMaxBytes,
  ...relaySettings,
  ...servingTlsSettings,
  ...logSettings,
};

export type DirectorConfig = Config<typeof directorSettings>;

export function directorMistakes(config: DirectorConfig): string[] {
  return [
    ...namesDialableAddress(
      ["DIRECTOR_ADDR", config.listenAddress],
      ["HEDDLE_ADVERTISE_ADDR", config.advertiseAddress],
    ),
    ...together(["HEDDLE_TLS_CERT_FILE", config.tlsCertFile], ["HEDDLE_TLS_KEY_FILE", config.tlsKeyFile]),
    ...needs(["HEDDLE_TLS_CLIENT_CA_FILE", config.tlsClientCaFile], ["HEDDLE_TLS_CERT_FILE", config.tlsCertFile]),
    ...together(["HEDDLE_ETCD_CERT_FILE", config.etcdCertFile], ["HEDDLE_ETCD_KEY_FILE", config.etcdKeyFile]),
    ...together(["HEDDLE_ETCD_USER", config.etcdUser], ["HEDDLE_ETCD_PASSWORD_FILE", config.etcdPasswordFile]),
  ];
}
