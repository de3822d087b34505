import type { Invariant } from "./invariant";

/** Processes are given 3 s to stop. */
const SHORT_MS = 2_000;

/**
 * While nothing worse happens (from 15 s before it until its end) than that workers and directors are asked to stop and started again, no call
 * that is done well within their grace is lost, idempotent or not.
 */
export const plannedStopsLoseNoCall: Invariant = {
  name: "planned-stops-lose-no-call",
  judge: () => ({
    ended: ({ id, what, error, isHit, isGivenUp, takesMs }) => {
      if ((what !== "work" && what !== "book") || isHit || isGivenUp || takesMs > SHORT_MS) return undefined;
      return error?.code === "WORKER_LOST"
        ? `${id} was lost, and only stops were planned: ${error.message}`
        : undefined;
    },
  }),
};
