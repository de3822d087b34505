import { readFact } from "../../../src/director/records";
import type { Invariant } from "./invariant";

/**
 * While nothing worse happens (since 15 s) than that workers and directors are asked to stop and started again, no worker is written down as
 * dead; and one that stops by itself is written down as one that left, not as lost. But for a worker that stopped while the only director was
 * away: nobody heard its goodbye, and the director waits for it in vain when it is back.
 */
export const noVerdictWithoutAFault: Invariant = {
  name: "no-verdict-without-a-fault",
  judge: (world) => ({
    done: ({ by, transaction }) => {
      if (world.isHit) return undefined;
      for (const operation of transaction.operations) {
        const fact = readFact(operation.key, operation.kind === "put" ? operation.value : undefined);
        if (fact?.kind !== "member" || fact.value?.state !== "dead") continue;
        if (
          world.scenario.directors.length === 1 &&
          fact.value.stateReason.startsWith("waiting for it to attach again")
        )
          continue;
        // Of one that was switched off. It may be written late: requests to the store are held back too.
        if (fact.value.stateReason.startsWith("no beat for")) continue;
        return `${by} wrote ${fact.id} down as dead, and nothing failed: ${fact.value.stateReason}`;
      }
      return undefined;
    },
  }),
};
