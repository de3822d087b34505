import type { FeedEvent } from "../feed-messages";
import { ago, clockTime } from "../model/words";

interface Kind {
  readonly word: string;
  /** A class of the styles. */
  readonly tone: "good" | "bad" | "plan" | "plain";
  readonly sign: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "node-joined": { word: "joined", tone: "good", sign: "+" },
  "node-left": { word: "left", tone: "plain", sign: "−" },
  "node-suspected": { word: "suspected", tone: "bad", sign: "?" },
  "node-failed": { word: "dead", tone: "bad", sign: "×" },
  "node-recovered": { word: "recovered", tone: "good", sign: "✓" },
  "node-updated": { word: "changed", tone: "plain", sign: "·" },
  "intent-changed": { word: "intent", tone: "plan", sign: "!" },
  "leader-changed": { word: "leader", tone: "plan", sign: "★" },
  "balancing-changed": { word: "policy", tone: "plan", sign: "⇄" },
  "agent-assigned": { word: "agent placed", tone: "good", sign: "+" },
  "agent-moved": { word: "agent moved", tone: "plan", sign: "→" },
  "agent-pending": { word: "agent waits", tone: "bad", sign: "…" },
  "agent-failed": { word: "agent failed", tone: "bad", sign: "×" },
  "agent-released": { word: "agent released", tone: "plain", sign: "−" },
};

export function eventWord(kind: string): string {
  return KINDS[kind]?.word ?? kind;
}

interface EventListProps {
  readonly events: readonly FeedEvent[];
  readonly nowUnixMs: number;
  /** Where a member's name leads; undefined in its own list. */
  readonly href?: (memberId: string) => string;
}

/** What happened and why, the latest first. */
export function EventList({ events, nowUnixMs, href }: EventListProps) {
  return (
    <ol class="events">
      {[...events].reverse().map((event) => {
        const { word, tone, sign } = KINDS[event.kind] ?? { word: event.kind, tone: "plain", sign: "·" };
        return (
          <li key={`${event.revision} ${event.atUnixMs} ${event.kind} ${event.memberId}`} class={`event is-${tone}`}>
            <time dateTime={new Date(event.atUnixMs).toISOString()} title={ago(event.atUnixMs, nowUnixMs)}>
              {clockTime(event.atUnixMs)}
            </time>
            <span class="sign" aria-hidden="true">
              {sign}
            </span>
            <span class="what">
              {href && event.memberId !== "" && (
                <>
                  <a href={href(event.memberId)}>{event.memberId}</a>{" "}
                </>
              )}
              <span class="word">{word}</span>
              {event.agent !== undefined && <b> {event.agent}</b>}
              {event.detail !== "" && <span class="detail"> {event.detail}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
