import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Admission } from "./admission";
import { logDrainProgress } from "./drain-progress";

export interface DepartureParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly label: string;
  readonly admission: Pick<Admission, "inFlight" | "whenIdle" | "failAll">;
  /** Asks for no more picks. Resolves when no director picks this worker any more. */
  outOfRouting(reason: string): Promise<void>;
  /** Callers are told to go elsewhere from now on. Resolves when their last connection is gone. */
  closeToCallers(): Promise<void>;
  /** Whoever calls now is refused. */
  refuse(error: FabricError): void;
  /** Tells the director. Resolves when it closed the stream, or `withinMs` passed. */
  goodbye(reason: string, withinMs: number): Promise<void>;
}

/** How long a stopping worker waits for its directors to confirm that they pick it no more, and for its own to take its goodbye. */
export const FAREWELL_MS = 1_000;

/**
 * The way out of a worker that stops:
 * - a) no director picks it any more; it still serves what comes.
 * - b) its callers get GOAWAY, what is on its way is served, and when nothing is in flight it says goodbye.
 * What is still running after `graceMs` is ended.
 */
export async function depart(parts: DepartureParts, graceMs: number, reason: string): Promise<void> {
  const { clock, logger, label, admission } = parts;
  const farewell = new AbortController();
  const patience = (ms: number) => clock.sleep(ms, farewell.signal).catch(() => {});
  const deadlineMs = clock.monotonicMs() + graceMs;
  const progress = new AbortController();
  const inFlight = () => admission.inFlight;
  void logDrainProgress({ clock, logger, inFlight, deadlineMs: () => deadlineMs }, { reason }, progress.signal);
  // New calls are still taken here: a director may pick this worker until it has confirmed.
  await Promise.race([parts.outOfRouting(reason), patience(FAREWELL_MS)]);
  const closed = parts.closeToCallers();
  // What was on its way when the callers were told to go elsewhere is served too; by then none is any more.
  const settled = admission
    .whenIdle()
    .then(() => Promise.race([closed, patience(FAREWELL_MS)]))
    .then(() => admission.whenIdle())
    .then(() => true);
  if (!(await Promise.race([settled, patience(graceMs).then(() => false)]))) {
    logger.warn(`⚠️  ${admission.inFlight} calls did not finish within ${graceMs} ms and are ended`);
  }
  progress.abort();
  parts.refuse(new FabricError("WORKER_DRAINING", `worker ${label} is leaving: ${reason}`));
  admission.failAll(new FabricError("WORKER_LOST", "the worker stopped before the call was finished"));
  await parts.goodbye(reason, FAREWELL_MS);
  await Promise.race([closed, patience(FAREWELL_MS)]);
  farewell.abort();
}
