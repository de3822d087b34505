import type { Asked, World } from "../world";
import type { Invariant } from "./invariant";

/** How long a host must have been left alone before it counts as undisturbed: a suspicion, an eviction and a reattach end within it. */
const CALM_MS = 15_000;
const LISTED_MS = 3_000;
/** A call that is given less time than this besides what it takes may run out of it wherever it is. */
const SPARE_MS = 5_000;

/**
 * An idempotent call that has 5 s to spare does not fail where it could have been done:
 * - where no fault was active from 15 s before it until its end, it succeeds;
 * - where its client called workers directly, and its client and one worker without a bound on its slots were left alone for as long,
 *   and that worker was in the client's list since 3 s before, it may fail only because it was held up until its deadline, or because
 *   three workers were lost under it.
 */
export const idempotentCallsSucceed: Invariant = {
  name: "idempotent-calls-succeed",
  judge: (world) => ({
    ended: (asked) => {
      const { id, what, error, isGivenUp } = asked;
      if (what !== "work" || !error || isGivenUp || asked.spareMs < SPARE_MS) return undefined;
      if (!asked.isDisturbed) return `${id} failed in quiet times: ${error.message}`;
      const spared = sparedWorker(world, asked);
      if (spared === undefined || error.code === "DEADLINE_EXCEEDED" || error.code === "CANCELLED") return undefined;
      if (error.code === "WORKER_LOST") return undefined;
      return `${id} failed although ${spared} could have done it: ${error.message}`;
    },
  }),
};

function sparedWorker({ scenario, clients, disturbedMs }: World, { client, startedMs }: Asked): string | undefined {
  const live = clients.get(client);
  const mode = scenario.clients.find(({ name }) => name === client)?.mode;
  if (!live || mode !== "direct" || disturbedMs(client) > startedMs - CALM_MS) return undefined;
  return scenario.workers.find(({ name, slots }) => {
    const listedMs = live.knowledge.listedSinceMs(`${name}:7000`) ?? Infinity;
    return slots === 0 && disturbedMs(name) <= startedMs - CALM_MS && listedMs <= startedMs - LISTED_MS;
  })?.name;
}

export { CALM_MS };
