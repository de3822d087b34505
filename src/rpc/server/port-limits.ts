/** What the clients of one port may cost. Their settings say why each is what it is. */
export interface PortLimits {
  /** Open at once, those included whose TLS handshake is under way. */
  readonly connectionsMax: number;
  /** Of these, from one address. */
  readonly connectionsPerAddressMax: number;
  readonly streamsPerConnectionMax: number;
  /** Calls open at once, over all connections. */
  readonly callsMax: number;
  /** The same, beyond which calls of the own services are refused too. */
  readonly ownCallsMax: number;
  /** Decoded, as HTTP/2 counts (RFC 9113 §6.5.2). */
  readonly headerListMaxBytes: number;
  /** After which a connection without calls is closed; 0 for never. */
  readonly idleMs: number;
  /** After which a connection takes no new calls, give or take a tenth; 0 for never. */
  readonly ageMaxMs: number;
  /** How long its calls may then go on; 0 for as long as they take. */
  readonly ageGraceMs: number;
  /** From a connection's start to the end of its TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** Of a call, until a byte of its request or of an answer; 0 for any. */
  readonly firstMessageTimeoutMs: number;
  /** Of a call of which something waits for the other side; 0 for any. */
  readonly stallTimeoutMs: number;
  /** Of a call without a byte either way; 0 for any. */
  readonly callIdleTimeoutMs: number;
}

/** Where nothing is said: no bounds but the engine's own. */
export const NO_PORT_LIMITS: PortLimits = {
  connectionsMax: Infinity,
  connectionsPerAddressMax: Infinity,
  streamsPerConnectionMax: 1_000,
  callsMax: Infinity,
  ownCallsMax: Infinity,
  headerListMaxBytes: 32_768,
  idleMs: 0,
  ageMaxMs: 0,
  ageGraceMs: 0,
  handshakeTimeoutMs: 10_000,
  firstMessageTimeoutMs: 0,
  stallTimeoutMs: 0,
  callIdleTimeoutMs: 0,
};
