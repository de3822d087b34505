import { choice, durationMs, text } from "./kinds";
import { relaySettings } from "./relay-settings";
import { together } from "./setting-rules";
import type { Config } from "./setting";
import {
  attemptsMax,
  dataKeepaliveMs,
  directorAddresses,
  logSettings,
  messageMaxBytes,
  reconnectMaxMs,
  resumeWindowMs,
  retryBudgetSettings,
  tlsSettings,
  transport,
} from "./shared-settings";

const { headerListMaxBytes } = relaySettings;

export const clientSettings = {
  directors: directorAddresses,
  mode: choice("HEDDLE_CLIENT_MODE", {
    default: "auto",
    words: ["auto", "direct", "proxy"],
    doc: "How calls travel. `direct`: the client watches the workers, picks one itself and connects to it, and goes on when every director is down. `proxy`: all through a director, for clients that cannot reach the workers. `auto`: direct where the worker answers, else proxy.",
  }),
  balancer: text("HEDDLE_CLIENT_BALANCER", {
    default: "",
    unset: "the cluster's",
    doc: "The balancing policy of direct mode, in place of the one the directors use.",
  }),
  attemptsMax,
  resumeWindowMs,
  ...retryBudgetSettings,
  callTimeoutMs: durationMs("HEDDLE_CALL_TIMEOUT_MS", {
    default: 30_000,
    min: 0,
    max: 86_400_000,
    doc: "Deadline of a unary call that is given none. 0 means no deadline: a call may then wait for ever. Streams have none unless given one.",
  }),
  compression: choice("HEDDLE_CLIENT_COMPRESSION", {
    default: "identity",
    words: ["identity", "gzip", "deflate"],
    doc: "How requests of 1 KiB or more are sent, unless a call says otherwise. Worth it where the network is the bottleneck: a megabyte of JSON takes the client some 5 ms of CPU time.",
  }),
  dataKeepaliveMs,
  reconnectMaxMs,
  messageMaxBytes,
  headerListMaxBytes,
  transport,
  ...tlsSettings,
  ...logSettings,
};

export type ClientConfig = Config<typeof clientSettings>;

export function clientMistakes(config: ClientConfig): string[] {
  return together(["HEDDLE_TLS_CERT_FILE", config.tlsCertFile], ["HEDDLE_TLS_KEY_FILE", config.tlsKeyFile]);
}
