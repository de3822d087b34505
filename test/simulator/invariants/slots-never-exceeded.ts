import type { Invariant } from "./invariant";

/** No worker runs more calls at once than it has slots. */
export const slotsNeverExceeded: Invariant = {
  name: "slots-never-exceeded",
  judge: ({ workers, scenario }) => ({
    always: () => {
      for (const { name, slots } of scenario.workers) {
        const inFlight = workers.get(name)?.worker.inFlight ?? 0;
        if (slots > 0 && inFlight > slots) return `${name} runs ${inFlight} calls and has ${slots} slots`;
      }
      return undefined;
    },
  }),
};
