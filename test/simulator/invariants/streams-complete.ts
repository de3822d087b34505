import type { Invariant } from "./invariant";

/** A client gives up a stream that brought nothing for this long, which is its right. */
const PATIENCE_MS = 25_000;

/** Tokens come as 1, 2, 3, …, none twice and none left out; and a stream ends only with its last one, unless it had to wait for too long while things failed. */
export const streamsComplete: Invariant = {
  name: "streams-complete",
  judge: (world) => ({
    always: () => {
      for (const { id, tokens } of world.asked) {
        const last = tokens.at(-1);
        if (last !== undefined && last !== tokens.length) return `${id} got token ${last} as its ${tokens.length}.`;
      }
      return undefined;
    },
    ended: ({ id, what, error, isGivenUp, tokens, tokensWanted, longestSilenceMs, lastTokenMs }) => {
      if (what === "work" || what === "book" || isGivenUp) return undefined;
      if (!error) return tokens.length === tokensWanted ? undefined : `${id} ended after ${tokens.length} tokens`;
      const silenceMs = Math.max(longestSilenceMs, world.nowMs() - lastTokenMs);
      return silenceMs < PATIENCE_MS || !world.isDisturbed
        ? `${id} broke after ${silenceMs} ms without a token: ${error.message}`
        : undefined;
    },
    settled: () => {
      const open = world.asked.filter(
        ({ what, endedMs, isGivenUp }) => what !== "work" && what !== "book" && endedMs === undefined && !isGivenUp,
      );
      return Promise.resolve(open.length > 0 ? `${open.map(({ id }) => id).join()} never ended` : undefined);
    },
  }),
};
