import { addressList, withPort } from "./address-kinds";
import { bytes, choice, decimal, durationMs, integer, path } from "./kinds";
import type { Setting } from "./setting";

/** The port a director listens at unless told otherwise. */
export const DIRECTOR_PORT = 61_000;

const RUST_LEVELS = ["error", "warn", "info", "debug", "trace"];

/** `RUST_LOG` may be a list such as "warn,heddle=debug"; a level without a target is the part that concerns us. */
function plainRustLevel(directives: string): string | undefined {
  return directives
    .split(",")
    .map((directive) => directive.trim().toLowerCase())
    .find((directive) => RUST_LEVELS.includes(directive));
}

/** In every role. */
export const logSettings = {
  logLevel: choice("HEDDLE_LOG_LEVEL", {
    default: "info",
    words: ["error", "warn", "info", "debug"],
    synonyms: { trace: "debug", verbose: "debug", warning: "warn" },
    aliases: [{ name: "LOG_LEVEL" }, { name: "RUST_LOG", adapt: plainRustLevel }],
    doc: "The least important lines that are written. `trace` and `verbose` mean `debug`, `warning` means `warn`.",
  }),
  logFormat: choice("HEDDLE_LOG_FORMAT", {
    default: "pretty",
    words: ["pretty", "json"],
    doc: "`pretty` is one line for people, with colours on a terminal (NO_COLOR turns them off). `json` is one object per line for collectors.",
  }),
};

/** Whom workers and clients dial. */
export const directorAddresses: Setting<readonly string[]> = addressList("DIRECTOR_ADDR", {
  default: [`127.0.0.1:${DIRECTOR_PORT}`],
  aliases: [{ name: "PICCOLO_MASTER_IP", adapt: (host) => withPort(host, DIRECTOR_PORT) }],
  doc: `The directors, in order of preference; one is enough, for they name the others. PICCOLO_MASTER_IP may leave out the port (${DIRECTOR_PORT}).`,
});

/**
 * 4 MiB is what every gRPC implementation accepts unless told otherwise, so a larger default would only let calls through
 * that stock clients in other languages then refuse.
 */
export const messageMaxBytes: Setting<number> = bytes("HEDDLE_MESSAGE_MAX_BYTES", {
  default: 4 * 1024 * 1024,
  min: 1024,
  max: 256 * 1024 * 1024,
  doc: "Largest gRPC message, sent or received (MESSAGE_TOO_LARGE). The default is gRPC's own, which every implementation accepts. Raise it on every side, peers in other languages included; a large message delays the heartbeats behind it.",
});

export const transport = choice("HEDDLE_TRANSPORT", {
  default: "engine",
  words: ["engine", "grpc-js"],
  doc: "What speaks gRPC in this process. `engine` is Heddle's own, at a fraction of the CPU time; `grpc-js` is the library `@grpc/grpc-js`, should something not work with the other. Peers notice no difference.",
});

export const attemptsMax: Setting<number> = integer("HEDDLE_ATTEMPTS_MAX", {
  default: 3,
  min: 1,
  max: 10,
  doc: "How many workers one call may be tried on, within its deadline, while it is certain not to have run (or its method is idempotent). 1 turns retries off. More hides more deaths at once, but multiplies the load of a call that kills its worker.",
});

export const resumeWindowMs: Setting<number> = durationMs("HEDDLE_RESUME_WINDOW_MS", {
  default: 30_000,
  min: 0,
  max: 3_600_000,
  doc: "How long a resumable stream (`option (heddle.v1.resumable) = true`) may be without a worker before it fails with STREAM_LOST. Longer than a worker or director takes to restart; 0 resumes only at once.",
});

/** What retries may cost; see balancing/retry-budget.ts. */
export const retryBudgetSettings = {
  retryBudgetRatio: decimal("HEDDLE_RETRY_BUDGET_RATIO", {
    default: 0.2,
    min: 0,
    max: 10,
    doc: "How many attempts beyond the first, for each call, may run calls again that may have run: retries of idempotent methods, repeats of calls with a key, hedges. 0.2 is a fifth more calls at most while an outage lasts. Attempts that reached no handler do not count.",
  }),
  retryBudgetPerSecond: integer("HEDDLE_RETRY_BUDGET_PER_SECOND", {
    default: 10,
    min: 0,
    max: 1_000_000,
    doc: "How many such attempts are allowed each second on top of HEDDLE_RETRY_BUDGET_RATIO, so that few calls may be retried at all. Ten seconds of it (at least 10) can be saved up. Divided among the processes of HEDDLE_RELAY_WORKERS.",
  }),
};

export const dataKeepaliveMs: Setting<number> = durationMs("HEDDLE_DATA_KEEPALIVE_MS", {
  default: 5_000,
  min: 100,
  max: 600_000,
  doc: "Interval of HTTP/2 PINGs on connections that carry calls. One that goes unanswered for as long again breaks the connection, so a vanished machine is noticed within twice this. Lower is quicker, but a process whose event loop stalls that long loses its connections, and the calls on them. A worker that falls silent is suspected by its heartbeats long before.",
});

export const drainTimeoutMs: Setting<number> = durationMs("HEDDLE_DRAIN_TIMEOUT_MS", {
  default: 30_000,
  min: 0,
  max: 3_600_000,
  doc: "How long calls in flight may go on after SIGTERM before they are ended. A drain by an operator has a deadline of its own. Keep it under the supervisor's own patience (Kubernetes: 30 s), or the process is killed in the middle.",
});

export const reconnectMaxMs: Setting<number> = durationMs("HEDDLE_RECONNECT_MAX_MS", {
  default: 5_000,
  min: 100,
  max: 300_000,
  doc: "Longest wait between attempts to reach a director; the waits double up to it, half of each at random. It is also about how long a restarted director may stay unnoticed. With thousands of workers raise it, to spread their return.",
});

const TLS_TOGETHER = "Given together with the other one of certificate and key.";
const RENEWED = "A renewed file is taken for new connections (HEDDLE_TLS_RELOAD_MS).";

export const tlsSettings = {
  tlsCertFile: path("HEDDLE_TLS_CERT_FILE", {
    default: "",
    unset: "no TLS",
    doc: `PEM file with the certificate chain this process shows to who connects to it, and to those it connects to by TLS. ${TLS_TOGETHER} ${RENEWED}`,
  }),
  tlsKeyFile: path("HEDDLE_TLS_KEY_FILE", {
    default: "",
    unset: "no TLS",
    doc: `PEM file with the private key of HEDDLE_TLS_CERT_FILE. ${TLS_TOGETHER}`,
  }),
  tlsCaFile: path("HEDDLE_TLS_CA_FILE", {
    default: "",
    unset: "connections are plain text",
    doc: "PEM file with the authorities that this process trusts when it connects to others. Setting it makes those connections TLS. Certificates must name the host that is dialled. A renewed file is taken for new connections (HEDDLE_TLS_RELOAD_MS).",
  }),
  tlsReloadMs: durationMs("HEDDLE_TLS_RELOAD_MS", {
    default: 10_000,
    min: 0,
    max: 86_400_000,
    doc: "How often the TLS files are read again, so that renewed ones are used without a restart. Connections that are open go on as they are. Files that cannot be used change nothing and are named in the log. By reading, not by notifications of the file system, which are lost on network drives and mounted secrets; certificates are renewed hours before they expire. 0 reads them at the start only.",
  }),
};

/** In the roles that others connect to. */
export const servingTlsSettings = {
  ...tlsSettings,
  tlsClientCaFile: path("HEDDLE_TLS_CLIENT_CA_FILE", {
    default: "",
    unset: "clients need no certificate",
    doc: `PEM file with authorities, one of which must have signed the certificate of whoever connects here (mTLS): callers, workers, directors, and tools such as grpcurl (-cert, -key). All others are refused at the handshake. Needs HEDDLE_TLS_CERT_FILE. ${RENEWED}`,
  }),
};
