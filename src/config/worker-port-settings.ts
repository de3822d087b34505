import { durationMs } from "./kinds";
import { relaySettings } from "./relay-settings";

const {
  connectionsMax,
  connectionsPerAddressMax,
  streamsPerConnectionMax,
  callsMax,
  headerListMaxBytes,
  connectionIdleMs,
  callIdleTimeoutMs,
  tlsHandshakeTimeoutMs,
} = relaySettings;

/**
 * What the callers of a worker's port may cost it: the director's settings. Those of quiet calls are off, because streams of users may
 * rest for hours, and the directors in between have theirs.
 */
export const workerPortSettings = {
  connectionsMax,
  connectionsPerAddressMax,
  streamsPerConnectionMax,
  callsMax,
  headerListMaxBytes,
  connectionIdleMs,
  firstMessageTimeoutMs: durationMs("HEDDLE_FIRST_MESSAGE_TIMEOUT_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "How long a call may hold a slot without a byte of its request and without headers or messages of an answer, before it ends with CALL_NOT_BEGUN. 0 for no limit: directors have one. Set it where strangers call the worker directly.",
  }),
  stallTimeoutMs: durationMs("HEDDLE_STALL_TIMEOUT_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "How long answers of a call may wait for a caller that does not read them, or requests for a handler that does not, before the call ends with CALL_STALLED. Each holds up to 64 KiB of memory in each direction, and a slot. 0 for no limit: directors have one.",
  }),
  callIdleTimeoutMs,
  tlsHandshakeTimeoutMs,
};
