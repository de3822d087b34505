import type { Invariant } from "./invariant";

/** A call that is not idempotent runs at most once; exactly once when it was reported as done; never when its error says that it did not run. */
export const atMostOnce: Invariant = {
  name: "at-most-once",
  judge: () => ({
    ran: ({ id, runs }, worker) => (runs > 1 ? `${id} runs for the ${runs}. time, on ${worker}` : undefined),
    ended: ({ id, what, error, runs }) => {
      if (what !== "book") return undefined;
      if (!error) return runs === 1 ? undefined : `${id} was reported as done and ran ${runs} times`;
      return error.kind.executed === "no" && runs > 0 ? `${id} ran, and ended with ${error.message}` : undefined;
    },
  }),
};
