import { EVENT_KINDS, eventFromWire } from "../wire/member-codec";
import { nearestName } from "../core/nearest-name";
import type { MemberEvent } from "../core/attach-messages";
import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { eventLine, plainEvent } from "./events";
import type { OperatorParts } from "./operator";
import { CommandError, EXIT } from "./terminal";

export interface TailOptions {
  /** Events after this revision; undefined begins with the latest few. */
  readonly since: number | undefined;
  /** Only these kinds; empty for all. */
  readonly kinds: readonly string[];
  /** Only of the node with this id, or whose id begins so; "" for all. One that is gone has events too. */
  readonly node: string;
  /** How many of the latest to begin with. */
  readonly last: number;
  readonly json: boolean;
}

export type TailParts = Pick<OperatorParts, "operator" | "terminal" | "clock" | "interrupted">;

/** Between two attempts to find a director again, and until it is given up. */
const AGAIN_MS = 500;
const GIVE_UP_MS = 60_000;

/**
 * `heddle events tail`: until Ctrl-C. A watch that breaks goes on after the last revision that was shown, at whichever director answers, so
 * that no event is missed or shown twice; where that is no longer kept, `reset` and the nodes as they are come instead.
 */
export async function tailEvents(parts: TailParts, options: TailOptions): Promise<number> {
  const { operator, terminal, clock, interrupted } = parts;
  checkKinds(options.kinds);
  let last = options.since;
  let lastMs = clock.monotonicMs();
  let everHeard = false;
  while (!interrupted.aborted) {
    const from = last === undefined ? { latestMax: options.last } : { afterRevision: BigInt(last) };
    try {
      for await (const { event } of operator.watchEvents(from, { signal: interrupted })) {
        everHeard = true;
        lastMs = clock.monotonicMs();
        const known = event && eventFromWire(event);
        if (!known) continue;
        if (known.revision > 0) last = known.revision;
        if (!isWanted(known, options)) continue;
        terminal.out(options.json ? JSON.stringify(plainEvent(known)) : eventLine(terminal, known));
      }
      // The director ends its watches when it stops.
      lastMs = clock.monotonicMs();
    } catch (error) {
      if (interrupted.aborted) break;
      if (!everHeard || !isPassing(error) || clock.monotonicMs() - lastMs > GIVE_UP_MS) throw error;
      terminal.err(`${error.message}; asking again`);
    }
    await clock.sleep(AGAIN_MS, interrupted).catch(() => {});
  }
  return EXIT.interrupted;
}

function isWanted({ kind, memberId }: MemberEvent, { kinds, node }: TailOptions): boolean {
  if (kinds.length > 0 && !kinds.includes(kind)) return false;
  return node === "" || memberId.startsWith(node);
}

function isPassing(error: unknown): error is FabricError {
  return error instanceof FabricError && error.status === Status.UNAVAILABLE;
}

/** @throws CommandError */
function checkKinds(kinds: readonly string[]): void {
  const wrong = kinds.find((kind) => !EVENT_KINDS.includes(kind));
  if (wrong === undefined) return;
  const nearest = nearestName(wrong, EVENT_KINDS);
  const near = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const message = `--kind is "${wrong}": use ${EVENT_KINDS.join(", ")}${near}`;
  throw new CommandError(EXIT.usage, message, "heddle events tail --help");
}
