import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import type { TypedClient } from "../rpc/service/typed-client";
import type { DirectorServiceDefinition } from "../wire/contract";

export interface DirectorWatchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly reconnectMaxMs: number;
  /** Through whichever director answers. */
  readonly director: TypedClient<DirectorServiceDefinition>;
  /** Told the addresses of all directors when they have changed. */
  changed(directors: readonly string[]): void;
}

/** Follows who the directors are, through one after the other, until `signal` aborts. While none answers, the last list stays. */
export async function watchDirectors(parts: DirectorWatchParts, signal: AbortSignal): Promise<void> {
  const { clock, random, reconnectMaxMs, director, changed } = parts;
  const backoff = new Backoff({ initialMs: 100, maxMs: reconnectMaxMs }, random);
  while (!signal.aborted) {
    try {
      for await (const { directors } of director.watchEndpoints(
        { directorsOnly: true },
        { signal, waitForReady: true },
      )) {
        backoff.reset();
        changed(directors);
      }
    } catch {
      // What is wrong with a director shows in the calls that need it.
    }
    await clock.sleep(backoff.nextMs(), signal).catch(() => {});
  }
}
