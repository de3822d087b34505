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

/** 11,000 years. */
const TIMEOUT_MAX_MS = DIGITS_MAX * 3_600_000;

/** Digits that count. What is left of a deadline differs from call to call by less. */
const SIGNIFICANT_DIGITS = 3;

/**
 * Rounded up, so that a server does not give up before the caller does, by less than a hundredth: calls with the same deadline have the same
 * header then, which both ends know again. (gRPC's C core does so too.) At least a microsecond.
 */
export function formatTimeout(timeoutMs: number): string {
  const exactMicros = Math.max(1, Math.ceil(Math.min(timeoutMs, TIMEOUT_MAX_MS) * 1_000));
  const digits = 1 + Math.floor(Math.log10(exactMicros));
  const step = digits > SIGNIFICANT_DIGITS ? 10 ** (digits - SIGNIFICANT_DIGITS) : 1;
  const micros = Math.ceil(exactMicros / step) * step;
  if (micros < 1_000) return `${micros}u`;
  if (micros < 1_000_000) return micros % 1_000 === 0 ? `${micros / 1_000}m` : `${micros}u`;
  if (micros % 1_000_000 !== 0) return `${micros / 1_000}m`;
  const seconds = micros / 1_000_000;
  return seconds <= DIGITS_MAX ? `${seconds}S` : `${Math.min(DIGITS_MAX, Math.ceil(seconds / 3_600))}H`;
}
