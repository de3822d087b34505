/** Milliseconds of each unit of the gRPC protocol ("Timeout" in PROTOCOL-HTTP2). */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** More than eight digits are malformed. */
const DIGITS_MAX = 99_999_999;

/** The value of `grpc-timeout` in milliseconds; undefined when it is malformed. */
export function parseTimeout(text: string): number | undefined {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2]!]! : undefined;
}

/** Rounded up, so that a server does not give up before the caller does: at least a microsecond, in the finest unit that fits. */
export function formatTimeout(timeoutMs: number): string {
  const micros = Math.max(1, Math.ceil(timeoutMs * 1_000));
  if (micros <= DIGITS_MAX) return `${micros}u`;
  const millis = Math.ceil(timeoutMs);
  if (millis <= DIGITS_MAX) return `${millis}m`;
  const seconds = Math.ceil(timeoutMs / 1_000);
  return seconds <= DIGITS_MAX ? `${seconds}S` : `${Math.min(DIGITS_MAX, Math.ceil(timeoutMs / 3_600_000))}H`;
}
