import type { MethodTraits } from "./call";
import type { CallMetadata } from "./call-metadata";
import { FabricError } from "./errors";
import { HEDDLE_KEYS } from "./heddle-metadata";

/** How a call wants to be hedged: tried on another worker too, while the first says nothing. */
export interface HedgeAsk {
  /** After how long; "p95": as long as 95 % of the method's hedged calls take until their answer begins. */
  readonly delayMs: number | "p95";
  /** Attempts in all, at most. */
  readonly attemptsMax: number;
}

/** One more than the first: "a small fraction of extra requests" is what the gain costs (Dean, Barroso 2013, "The Tail at Scale"). */
export const HEDGE_ATTEMPTS_DEFAULT = 2;
/** gRFC A6 caps `maxAttempts` at 5. */
const ATTEMPTS_MAX = 5;
const DELAY_MAX_MS = 60_000;

/** @throws FabricError INVALID_ARGUMENT that names the key, the value and what may be there */
export function hedgeAskOf(metadata: CallMetadata): HedgeAsk | undefined {
  const delay = metadata.text(HEDDLE_KEYS.hedge);
  if (delay === undefined) return undefined;
  const attempts = metadata.text(HEDDLE_KEYS.hedgeAttempts);
  return {
    delayMs: delayOf(delay),
    attemptsMax: attempts === undefined ? HEDGE_ATTEMPTS_DEFAULT : attemptsOf(attempts),
  };
}

function delayOf(text: string): number | "p95" {
  if (text === "p95") return text;
  const delayMs = /^\d{1,5}ms$/.test(text) ? Number(text.slice(0, -2)) : Infinity;
  if (delayMs <= DELAY_MAX_MS) return delayMs;
  const what = `${HEDDLE_KEYS.hedge} is "${text.slice(0, 64)}"`;
  throw new FabricError(
    "INVALID_ARGUMENT",
    `${what}: use "p95", or whole milliseconds from "0ms" to "${DELAY_MAX_MS}ms"`,
  );
}

function attemptsOf(text: string): number {
  const attempts = /^\d$/.test(text) ? Number(text) : 0;
  if (attempts >= 2 && attempts <= ATTEMPTS_MAX) return attempts;
  const what = `${HEDDLE_KEYS.hedgeAttempts} is "${text.slice(0, 64)}"`;
  throw new FabricError("INVALID_ARGUMENT", `${what}: use a whole number from 2 to ${ATTEMPTS_MAX}`);
}

/** Why this call cannot be hedged; undefined when it can. */
export function hedgeFault(path: string, traits: MethodTraits, metadata: CallMetadata): FabricError | undefined {
  const refused = (why: string) =>
    new FabricError("INVALID_ARGUMENT", `${HEDDLE_KEYS.hedge} cannot be had for ${path}: ${why}`);
  if (!traits.idempotent) return refused("its contract does not say that it may run twice (idempotency_level)");
  if (traits.requestStream) return refused("it takes a stream of requests");
  if (traits.resumable) return refused("it is resumable, and made again only when its worker is lost");
  if (metadata.text(HEDDLE_KEYS.idempotencyKey) === undefined) return undefined;
  return refused(`${HEDDLE_KEYS.idempotencyKey} sends it to one worker`);
}
