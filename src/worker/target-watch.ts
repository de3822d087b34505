import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import { probeHealth } from "../wire/health-probe";

export interface TargetWatchParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In whole messages, to the server. Closed when the watch ends. */
  readonly connection: Connection;
  /** Between an answer and the next question. */
  readonly intervalMs: number;
  /** Told why the server cannot do its work, and "" when it can, whenever that changes. */
  told(reason: string): void;
}

/** Intervals in which an answer is due: a server may be busy for a while, and calls do not wait for a worker much longer. */
const PATIENCE_INTERVALS = 5;

/**
 * Watches a server that a side-car speaks for: its connection tells at once when it goes, and health checks tell whether it
 * still answers. One that stands still keeps its connection.
 */
export async function watchTarget(parts: TargetWatchParts, signal: AbortSignal): Promise<void> {
  const { clock, connection, logger, intervalMs, told } = parts;
  const { address } = connection;
  let latest: string | undefined;
  const tell = (reason: string) => {
    if (reason === latest || signal.aborted) return;
    latest = reason;
    if (reason === "") logger.info(`🔗 ${address} answers`);
    else logger.warn(`⚠️  ${address} does not answer`, { reason });
    told(reason);
  };
  connection.onReadiness((up, reason) => {
    if (!up) tell(reason);
    else void probeHealth(connection, PATIENCE_INTERVALS * intervalMs).then(tell);
  });
  tell("it is not reached yet");
  while (!signal.aborted) {
    if (connection.isReady()) tell(await probeHealth(connection, PATIENCE_INTERVALS * intervalMs));
    await clock.sleep(intervalMs, signal).catch(() => {});
  }
  connection.close();
}
