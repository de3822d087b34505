import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";

/** Lengths of the phases of one cycle, about 18 s in all: those of the system this replaces. */
export const FAILURE_CYCLE = { runMs: 10_000, warningMs: 3_000, failedMs: 5_000 } as const;

export interface FailureSimulationParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly label: string;
  /** How far into the cycle it starts, so that several workers fail out of phase. */
  readonly phaseMs: number;
  fail(error: FabricError): void;
  recover(): void;
}

/** Fails and recovers in a fixed cycle until `signal` aborts: for demonstrations and tests of failover. */
export async function simulateFailures(parts: FailureSimulationParts, signal: AbortSignal): Promise<void> {
  const { clock, logger, label } = parts;
  let skipMs = parts.phaseMs;
  const pass = async (phaseMs: number) => {
    const skippedMs = Math.min(skipMs, phaseMs);
    skipMs -= skippedMs;
    if (phaseMs > skippedMs) await clock.sleep(phaseMs - skippedMs, signal);
  };
  try {
    for (;;) {
      await pass(FAILURE_CYCLE.runMs);
      logger.warn(`⚠️  [${label}] Simulating worker failure in ${FAILURE_CYCLE.warningMs / 1_000} seconds...`);
      await pass(FAILURE_CYCLE.warningMs);
      logger.error(`💥 [${label}] Worker failed!`);
      parts.fail(new FabricError("WORKER_FAILED", `worker ${label} simulates a failure`));
      await pass(FAILURE_CYCLE.failedMs);
      logger.info(`🔄 [${label}] Worker recovering...`);
      parts.recover();
      logger.info(`✅ [${label}] Worker recovered and ready to serve!`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
