import type { Invariant } from "./invariant";

/** When nothing is asked any more, nothing is counted: calls in flight and queued at directors, assignments, calls at workers. */
export const countersReturn: Invariant = {
  name: "counters-return",
  judge: ({ directors, workers, cluster }) => ({
    settled: async () => {
      const wrong: string[] = [];
      for (const [name, { rpc }] of directors) {
        const { inFlight, queued, assignments, perMember } = await cluster.outcome(rpc.getStats({}));
        if (inFlight !== 0) wrong.push(`${name} has ${inFlight} calls in flight`);
        if (queued !== 0) wrong.push(`${name} has ${queued} calls queued`);
        if (assignments !== 0) wrong.push(`${name} has ${assignments} assignments`);
        for (const { memberId, inFlight: ofMember } of perMember) {
          if (ofMember !== 0) wrong.push(`${name} counts ${ofMember} calls on ${memberId}`);
        }
      }
      for (const [name, { worker }] of workers) {
        if (worker.inFlight !== 0) wrong.push(`${name} counts ${worker.inFlight} calls`);
      }
      return wrong.join("; ") || undefined;
    },
  }),
};
