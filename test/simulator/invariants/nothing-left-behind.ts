import type { Invariant } from "./invariant";

/** After everything is closed no connection is up and no timer waits. */
export const nothingLeftBehind: Invariant = {
  name: "nothing-left-behind",
  judge: ({ cluster }) => ({
    closed: () => {
      const { links } = cluster.network;
      const timers = cluster.clock.pendingTimers;
      return links > 0 || timers > 0 ? `${links} connections are up and ${timers} timers wait` : undefined;
    },
  }),
};
