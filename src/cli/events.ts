import type { MemberEvent } from "../core/attach-messages";
import { eventFromWire } from "../wire/member-codec";
import { instant } from "./ages";
import type { OperatorParts } from "./operator";
import { padTo, printable } from "./printable";
import { paint, type Colour, type Terminal } from "./terminal";

const COLOURS: Readonly<Record<string, Colour>> = {
  "node-joined": "green",
  "node-recovered": "green",
  "node-suspected": "yellow",
  "intent-changed": "yellow",
  "node-failed": "red",
  "agent-pending": "yellow",
  "agent-failed": "red",
  reset: "dim",
};
/** The longest of the kinds there are. */
const KIND_WIDTH = 17;

/** "2026-11-21T15:34:16Z  node-suspected     w1  silent for 3 s". */
export function eventLine(terminal: Terminal, { atUnixMs, kind, agent = "", memberId, detail }: MemberEvent): string {
  const word = padTo(kind, KIND_WIDTH);
  const colour = COLOURS[kind];
  const rest = [agent, memberId, printable(detail)].filter((text) => text !== "").join("  ");
  return `${paint(terminal, "dim", instant(atUnixMs))}  ${colour ? paint(terminal, colour, word) : word}  ${rest}`.trimEnd();
}

/** An event as `--json` shows it. Keys stay as they are; new ones may come. */
export function plainEvent({ revision, kind, memberId, agent = "", detail, atUnixMs }: MemberEvent) {
  return { revision, kind, node: memberId, agent, detail, atUnixMs };
}

/** How long a director may take to begin to tell what it has kept. */
const BACKLOG_MS = 300;

/** The latest events that the answering director has kept, the oldest first. None where it does not tell in time: it is never waited for long. */
export async function latestEvents(
  { operator, clock }: Pick<OperatorParts, "operator" | "clock">,
  most: number,
): Promise<readonly MemberEvent[]> {
  const events: MemberEvent[] = [];
  const enough = new AbortController();
  const cancelTimer = clock.after(BACKLOG_MS, () => enough.abort());
  try {
    for await (const { event } of operator.watchEvents({ latestMax: most }, { signal: enough.signal })) {
      const known = event && eventFromWire(event);
      if (known) events.push(known);
      if (events.length >= most) break;
    }
  } catch {
    // Whatever it did not tell, it is not what was asked for.
  } finally {
    cancelTimer();
  }
  return events;
}
