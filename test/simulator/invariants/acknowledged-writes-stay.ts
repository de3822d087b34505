import type { DurableWrite } from "../world";
import type { Invariant } from "./invariant";

/**
 * What an operator set (intents, the policy) and was told is set, is what the store has at the end, unless a later write may have replaced
 * it; and one whose error says that it was not done, was not.
 */
export const acknowledgedWritesStay: Invariant = {
  name: "acknowledged-writes-stay",
  judge: ({ durable, store }) => ({
    settled: async () => {
      const wrong: string[] = [];
      for (const key of new Set(durable.map((write) => write.key))) {
        const entry = await store.inner.get(key);
        const value = entry && valueOf(Buffer.from(entry.value).toString());
        const possible = possibleValues(durable.filter((write) => write.key === key));
        if (possible && (value === undefined || !possible.has(value))) {
          wrong.push(`${key} is ${value ?? "not there"}; it was set to ${[...possible].join(" or ")}`);
        }
      }
      return wrong.join("; ") || undefined;
    },
  }),
};

/** Everything that was not surely replaced by what came after; undefined while nothing was acknowledged. */
function possibleValues(writes: readonly DurableWrite[]): ReadonlySet<string> | undefined {
  const acknowledged = writes.filter((write) => write.acknowledged);
  if (acknowledged.length === 0) return undefined;
  const latestStartMs = Math.max(...acknowledged.map(({ startedMs }) => startedMs));
  const possible = writes.filter((write) => (write.endedMs ?? Infinity) >= latestStartMs || !write.acknowledged);
  return new Set(possible.filter(({ refused }) => !refused).map(({ value }) => value));
}

function valueOf(json: string): string {
  const value = JSON.parse(json) as string | { kind: string };
  return typeof value === "string" ? value : value.kind;
}
