import { bytes, durationMs, integer } from "./kinds";

const SHARE_OF_ADDRESS = 0.75;

/** What the clients of a port may cost it: a director's, and as far as worker-port-settings.ts takes them, a worker's. */
export const relaySettings = {
  connectionsMax: integer("HEDDLE_CONNECTIONS_MAX", {
    default: 10_000,
    min: 1,
    max: 1_000_000,
    doc: "Connections open at the port at once: a director's of workers, clients and other directors, a worker's of directors and of clients that call it directly. One more is told GOAWAY (ENHANCE_YOUR_CALM) and closed; within TLS it is closed before the handshake. The default leaves half of the 20,000 file descriptors that many systems allow to a director's connections to workers.",
  }),
  connectionsPerAddressMax: integer("HEDDLE_CONNECTIONS_PER_ADDRESS_MAX", {
    default: 0,
    min: 1,
    max: 1_000_000,
    unset: "three quarters of HEDDLE_CONNECTIONS_MAX",
    doc: "Of these, those from one address (IPv6: one /64), so that one machine cannot take them all. Raise it to HEDDLE_CONNECTIONS_MAX behind a proxy from whose address all come; lower it where strangers can connect.",
  }),
  streamsPerConnectionMax: integer("HEDDLE_STREAMS_PER_CONNECTION_MAX", {
    default: 1_000,
    min: 1,
    max: 1_000_000,
    doc: "Calls that one client's connection may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). More wait at the client, which knows the limit; those that do not are refused (REFUSED_STREAM). A director or client of Heddle opens another connection for more. Enough for all calls of a process; more would let one connection use up HEDDLE_CALLS_MAX.",
  }),
  callsMax: integer("HEDDLE_CALLS_MAX", {
    default: 50_000,
    min: 1,
    max: 10_000_000,
    doc: "Calls open at once over all connections, until their answers are taken; beyond it they fail with TOO_MANY_CALLS. A director's own services may have a quarter more, so that workers attach and operators are answered at such a time. Bounds memory: measure what yours hold before you raise it. How many calls a worker executes at once is for WORKER_SLOTS.",
  }),
  headerListMaxBytes: bytes("HEDDLE_HEADER_LIST_MAX_BYTES", {
    default: 32_768,
    min: 4_096,
    max: 1024 * 1024,
    doc: "Largest metadata of a call, as HTTP/2 counts: names, values, and 32 for each entry (SETTINGS_MAX_HEADER_LIST_SIZE). A call with more fails with METADATA_TOO_LARGE. Twice what gRPC implementations send at most unless told otherwise. Raise it on directors, workers and clients alike: each also refuses answers with more; requests to the HTTP port have the same limit (431); the limits of workers on other stacks stay (grpc-js and grpc-go: 16 KiB to 16 MiB).",
  }),
  connectionIdleMs: durationMs("HEDDLE_CONNECTION_IDLE_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "Time without calls after which a client's connection is closed, in order (GOAWAY). 0 keeps it: gRPC clients hold one connection for as long as they live, a machine that vanished is found by PINGs (by a director within 40 s, by a worker within two minutes), and HEDDLE_CONNECTIONS_MAX bounds the rest.",
  }),
  connectionAgeMaxMs: durationMs("HEDDLE_CONNECTION_AGE_MAX_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "Age, give or take a tenth, at which a client is asked to connect again (GOAWAY; gRFC A9), so that clients behind a balancer of connections spread over new directors. Its calls go on. Connections with a worker's Attach stream are left alone. 0 asks never.",
  }),
  connectionAgeGraceMs: durationMs("HEDDLE_CONNECTION_AGE_GRACE_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "How long calls may go on after HEDDLE_CONNECTION_AGE_MAX_MS before they are cut off. 0 is as long as they take.",
  }),
  firstMessageTimeoutMs: durationMs("HEDDLE_FIRST_MESSAGE_TIMEOUT_MS", {
    default: 300_000,
    min: 0,
    max: 86_400_000,
    doc: "How long a call may hold a worker's slot without a byte of its request and without headers or messages of an answer, before it ends with CALL_NOT_BEGUN. Clients leave such calls behind: one of grpc-js that is cancelled in the turn in which it starts sends its headers and nothing more. 5 minutes is what Envoy gives any silent stream, nginx 60 s; lower it where no client opens streams long before it speaks on them. 0 for no limit.",
  }),
  stallTimeoutMs: durationMs("HEDDLE_STALL_TIMEOUT_MS", {
    default: 600_000,
    min: 0,
    max: 86_400_000,
    doc: "How long the director may hold messages of a call that the other side does not read, caller or worker, before the call ends with CALL_STALLED. Each holds up to 64 KiB of memory in each direction, and a worker's slot. To read nothing while one message is worked on is backpressure and no fault, so the default is twice what Envoy allows. 0 for no limit.",
  }),
  callIdleTimeoutMs: durationMs("HEDDLE_CALL_IDLE_TIMEOUT_MS", {
    default: 0,
    min: 0,
    max: 86_400_000,
    doc: "How long a call may go on with no message either way before it ends with CALL_IDLE. Off by default: streams of gRPC may rest for hours, and a worker may take as long as the caller's deadline allows; vanished machines are found by PINGs.",
  }),
  tlsHandshakeTimeoutMs: durationMs("HEDDLE_TLS_HANDSHAKE_TIMEOUT_MS", {
    default: 10_000,
    min: 100,
    max: 120_000,
    doc: "From a connection's start to the end of its TLS handshake, however busy the client keeps it; then it is closed. Until then it counts as a connection. Ten round trips of a bad mobile link, many times over.",
  }),
};

/** What one address may have, where nothing is said. */
export function shareOfAddress(connectionsMax: number): number {
  return Math.max(1, Math.floor(connectionsMax * SHARE_OF_ADDRESS));
}
