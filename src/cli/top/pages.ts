import { span, type StyledLine } from "../styled-text";
import { standingSpan } from "./columns";
import { age, bar, count, latency, rate } from "./figures";
import type { TopRow } from "./top-data";

const NAME_WIDTH = 16;

/** One node, with all that is known of it. */
export function nodeLines(row: TopRow | undefined, nodeId: string): StyledLine[] {
  if (!row) return [[], [span(`${nodeId} is not in the cluster any more. Esc goes back.`, "yellow")]];
  const fact = (name: string, value: string): StyledLine => [span(name.padEnd(NAME_WIDTH), "dim"), span(value)];
  const intent = [row.intent, row.intentBy && `by ${row.intentBy}`, row.intentReason && `: ${row.intentReason}`];
  const slots =
    row.slots === 0 ? "no bound" : `${bar(row.inFlight / row.slots, 20)} ${row.inFlight} of ${row.slots} in use`;
  const percent = (ratio: number) => `${Math.round(ratio * 100)} %`;
  const facts: [name: string, value: string][] = [
    ["label", row.label],
    ["address", row.address],
    ["reason", row.stateReason],
    ["not ready", row.notReadyReason],
    ["intent", intent.filter(Boolean).join(" ").replace(" :", ":")],
    ["slots", slots],
    ["in flight", count(row.inFlight)],
    ["calls/s", rate(row.callsPerSecond)],
    ["errors/s", rate(row.failuresPerSecond)],
    ["latency", `p50 ${latency(row.p50Ms)}   p99 ${latency(row.p99Ms)}`],
    ["calls", `${count(row.counts.started)} since the director started, ${count(row.counts.failed)} failed`],
    [
      "load",
      `CPU ${percent(row.cpuRatio)}   memory ${percent(row.memoryRatio)}   event loop ${latency(row.loopLagMs)}`,
    ],
    ["phi", row.phi.toFixed(2)],
    [
      "last heartbeat",
      row.heartbeatAgeMs === undefined ? "not received by this director" : `${age(row.heartbeatAgeMs)} ago`,
    ],
    ["home", row.home],
    ["role", row.role],
    ["version", row.version],
    ["tags", row.tags],
    ["services", row.services.join(", ")],
  ];
  return [
    [],
    [span(`${row.id}  `, "bold"), standingSpan(row)],
    ...facts.filter(([, value]) => value !== "").map(([name, value]) => fact(name, value)),
  ];
}

const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ["↑ ↓ j k", "another node"],
  ["PgUp PgDn Home End", "further away (g, G: the first, the last)"],
  ["Enter", "all about the node"],
  ["/", "only nodes that have these words in name, state, intent, home, tags or services"],
  ["d  c  r", "drain, cordon, resume the node; asks first"],
  [
    "N S C L E I P B",
    "sort by name, state, calls/s, p99, errors/s, in flight, phi, age of the heartbeat; again: the other way",
  ],
  ["q  Ctrl-C", "quit"],
];

export function helpLines(): StyledLine[] {
  return [
    [],
    ...KEYS.map(([keys, meaning]): StyledLine => [span(keys.padEnd(20), "bold"), span(meaning)]),
    [],
    [
      span(
        "Rates and the header's p50 and p99 are of the last five seconds, of calls through the director that was asked.",
      ),
    ],
    [
      span(
        "A node's p50 and p99 are of about the last minute. ■ FULL uses all of its slots; ╳ DEAD and ╳ left are gone.",
      ),
    ],
  ];
}
