import { Backoff } from "../core/backoff";
import type { MemberEvent } from "../core/attach-messages";
import type { Clock } from "../core/clock";
import type { Random } from "../core/random";
import type { DirectorServiceDefinition } from "../wire/contract";
import { eventFromWire } from "../wire/member-codec";
import type { TypedClient } from "../rpc/service/typed-client";

export interface EventWatchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly director: TypedClient<DirectorServiceDefinition>;
  readonly reconnectMaxMs: number;
}

/**
 * What happens in the cluster, from `afterRevision` on (0: from the members as they are now), until `signal` aborts. A watch that breaks is resumed
 * at any director after the last revision seen, so that no event is missed or told twice; where that cannot be had, `reset` and the members as they
 * are come instead.
 */
export async function* watchEvents(
  parts: EventWatchParts,
  afterRevision: number,
  signal: AbortSignal,
): AsyncGenerator<MemberEvent, void, undefined> {
  const backoff = new Backoff({ initialMs: 100, maxMs: parts.reconnectMaxMs }, parts.random);
  let last = afterRevision;
  while (!signal.aborted) {
    try {
      for await (const { event } of parts.director.watchEvents({ afterRevision: BigInt(last) }, { signal })) {
        const known = event && eventFromWire(event);
        if (!known) continue;
        if (known.revision > 0) last = known.revision;
        backoff.reset();
        yield known;
      }
    } catch {
      // Whatever broke the watch, the next one goes on from here.
    }
    await parts.clock.sleep(backoff.nextMs(), signal).catch(() => {});
  }
}
