import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";

export interface DrainProgressParts {
  readonly clock: Clock;
  readonly logger: Logger;
  inFlight(): number;
  /** On the monotonic clock; `undefined` without a deadline. */
  deadlineMs(): number | undefined;
}

/** Between two lines of a drain that waits for the same calls. */
const EVERY_MS = 5_000;

/** Writes how many calls are waited for, now and every five seconds, until `signal` aborts or none is left. */
export async function logDrainProgress(
  parts: DrainProgressParts,
  fields: { readonly reason: string },
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, inFlight } = parts;
  logger.info(line(parts), fields);
  for (;;) {
    await clock.sleep(EVERY_MS, signal).catch(() => {});
    if (signal.aborted || inFlight() === 0) return;
    logger.info(line(parts));
  }
}

/** "🚪 draining: 3 calls in flight, 24 s left". */
function line({ clock, inFlight, deadlineMs }: DrainProgressParts): string {
  const count = inFlight();
  const calls = `🚪 draining: ${count} ${count === 1 ? "call" : "calls"} in flight`;
  const atMs = deadlineMs();
  if (atMs === undefined) return `${calls}, no deadline`;
  const leftMs = atMs - clock.monotonicMs();
  return leftMs > 0 ? `${calls}, ${Math.ceil(leftMs / 1_000)} s left` : `${calls}, the deadline has passed`;
}
