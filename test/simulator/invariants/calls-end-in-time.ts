import type { Invariant } from "./invariant";

/** Beyond the deadline: the way of the answer, and the turn in which a timer runs. */
const LATE_MS = 100;

/** Every call ends by its deadline, whatever happens to others; while its own process stands still it need not. */
export const callsEndInTime: Invariant = {
  name: "calls-end-in-time",
  judge: ({ asked, disturbedMs, nowMs }) => ({
    always: () => {
      const limitMs = nowMs() - LATE_MS;
      for (const { id, client, deadlineMs, endedMs, isGivenUp } of asked) {
        if (endedMs !== undefined || isGivenUp || deadlineMs >= limitMs) continue;
        if (disturbedMs(client) < limitMs) return `${id} has not ended, ${LATE_MS} ms after its deadline`;
      }
      return undefined;
    },
  }),
};
