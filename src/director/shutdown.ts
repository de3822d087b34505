import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";

export interface ShutdownParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls that this director relays now, its relay processes' included. */
  inFlight(): number;
  /** Its place in the cluster is given up: lead, record. Does not reject. */
  leaveCluster(): Promise<void>;
  /** Workers go to other directors, watchers too. */
  sendAway(): void;
  /** Clients get GOAWAY, and new ones are not taken. Resolves when their last call has ended. */
  drainPort(): Promise<void>;
  /** What is still in flight is ended. */
  endCalls(): void;
}

/** How long a store that does not answer may hold up a director that stops. */
const LEAVE_MS = 1_000;
const LINE_EVERY_MS = 5_000;

/**
 * The way out of a director that stops:
 * - a) it gives up its place, so that nobody is sent here any more, and sends workers and watchers to the others; it still takes
 *   calls, and picks workers by the shared record, which it goes on reading.
 * - b) its clients get GOAWAY and go elsewhere; calls in flight have until `graceMs`, and what is left then is ended.
 */
export async function shutDown(parts: ShutdownParts, graceMs: number): Promise<void> {
  const { clock, logger } = parts;
  const over = new AbortController();
  const patience = (ms: number) => clock.sleep(ms, over.signal).catch(() => {});
  const deadlineMs = clock.monotonicMs() + graceMs;
  void logProgress(parts, deadlineMs, over.signal);
  await Promise.race([parts.leaveCluster(), patience(LEAVE_MS)]);
  parts.sendAway();
  await Promise.race([parts.drainPort(), patience(Math.max(0, deadlineMs - clock.monotonicMs()))]);
  over.abort();
  const left = parts.inFlight();
  if (left > 0) logger.warn(`⚠️  ${left} calls did not finish within ${graceMs} ms and are ended`);
  parts.endCalls();
}

async function logProgress(parts: ShutdownParts, deadlineMs: number, over: AbortSignal): Promise<void> {
  const { clock, logger, inFlight } = parts;
  while (!over.aborted) {
    const leftS = Math.max(0, Math.ceil((deadlineMs - clock.monotonicMs()) / 1_000));
    const count = inFlight();
    logger.info(`🚪 stopping: ${count} ${count === 1 ? "call" : "calls"} in flight, ${leftS} s left`);
    await clock.sleep(LINE_EVERY_MS, over).catch(() => {});
  }
}
