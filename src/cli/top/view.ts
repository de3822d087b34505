import { printable, displayWidth } from "../printable";
import { clipLine, fitText, span, type Span, type StyledLine } from "../styled-text";
import { cellsOf, headOf, layoutOf } from "./columns";
import { age, count, latency, rate } from "./figures";
import { helpLines, nodeLines } from "./pages";
import { chosenRows, offsetOf, selectionOf, type NodeAction, type Order, type TopState } from "./state";
import type { TopData } from "./top-data";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How old what is shown is. */
export interface Freshness {
  /** Since the newest sample; undefined before the first. */
  readonly ageMs: number | undefined;
  /** Why the last attempt brought none; "" when it did. */
  readonly failure: string;
}

/** Lines above the rows, and below. */
const HEADER_LINES = 5;
const FOOTER_LINES = 1;

/** Rows of nodes that a screen of this size shows. */
export function pageHeight({ rows }: Size): number {
  return Math.max(1, rows - HEADER_LINES - FOOTER_LINES);
}

/** The whole screen: exactly `rows` lines, none wider than `columns`. */
export function renderTop(
  data: TopData | undefined,
  state: TopState,
  fresh: Freshness,
  size: Size,
): readonly StyledLine[] {
  const body = data === undefined ? waitingLines(fresh) : dataLines(data, state, fresh, size);
  const lines = body.slice(0, Math.max(0, size.rows - FOOTER_LINES));
  while (lines.length < size.rows - FOOTER_LINES) lines.push([]);
  return [...lines, footer(state)].slice(0, size.rows).map((line) => clipLine(line, size.columns));
}

function waitingLines({ failure }: Freshness): StyledLine[] {
  if (failure === "") return [[span("asking the director …", "dim")]];
  return [
    [span("no director answers; asking again", "alarm")],
    [span(printable(failure))],
    [span("Try: heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)", "dim")],
  ];
}

function dataLines(data: TopData, state: TopState, fresh: Freshness, size: Size): StyledLine[] {
  const rows = chosenRows(data.rows, state);
  const header = [clusterLine(data), healthLine(data), figuresLine(data), statusLine(data, state, fresh)];
  if (state.page === "help") return [...header, ...helpLines()];
  const selected = selectionOf(rows, state);
  if (state.page === "node") {
    const row = data.rows.find(({ id }) => id === state.selectedId);
    return [...header, ...nodeLines(row, state.selectedId ?? "")];
  }
  const layout = layoutOf(data.rows, size.columns);
  const height = pageHeight(size);
  const offset = offsetOf(rows, state, height);
  const lines = rows.slice(offset, offset + height).map((row, index): StyledLine => {
    const cells = cellsOf(layout, row);
    // A stale screen is grey all over, beside saying so.
    const shown = fresh.failure === "" ? cells : cells.map(({ text }) => span(text, "dim"));
    if (offset + index !== selected) return shown;
    const text = shown.map((cell) => cell.text).join("");
    return [span(fitText(text, size.columns), "reverse")];
  });
  if (rows.length === 0) lines.push([span(emptyText(data, state), "dim")]);
  return [...header, headOf(layout, state.sort, state.reversed), ...lines];
}

function emptyText({ rows }: TopData, { filter }: TopState): string {
  if (rows.length === 0) return "no nodes. Try: heddle worker";
  return `none of ${rows.length} nodes has "${filter}" in its name, state, intent, home, tags or services. Esc clears the filter.`;
}

/** Apart by three columns. */
function joined(parts: readonly (readonly Span[])[]): StyledLine {
  return parts.filter((part) => part.length > 0).flatMap((part, index) => [span(index === 0 ? "" : "   "), ...part]);
}

const named = (name: string, value: string, style: Span["style"] = "plain") => [
  span(`${name} `, "dim"),
  span(value, style),
];

function clusterLine({ sample }: TopData): StyledLine {
  const { clusterName, director, directors, leaderId } = sample;
  const leader = leaderId === "" ? named("leader", "none", "yellow") : named("leader", leaderId);
  return joined([
    [span("heddle top", "bold"), span(clusterName === "" ? "" : `  ${clusterName}`)],
    [...named("asked", director.id), span(director.address === director.id ? "" : ` ${director.address}`, "dim")],
    leader,
    named("directors", String(directors)),
  ]);
}

const HEALTH_STYLE = { healthy: "green", degraded: "yellow", unhealthy: "alarm", unknown: "dim" } as const;

function healthLine({ sample, readyNodes }: TopData): StyledLine {
  const { health, problems, policy, nodes } = sample;
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return joined([
    [span(health, HEALTH_STYLE[health])],
    named("nodes", `${count(readyNodes)} of ${count(nodes.length)} ready`),
    named("policy", policy),
    first === undefined ? [] : [span(`${first}${more}`, "yellow")],
  ]);
}

function figuresLine(data: TopData): StyledLine {
  const { sample, callsPerSecond, failuresPerSecond, p50Ms, p99Ms } = data;
  const isFailing = (failuresPerSecond ?? 0) > 0;
  return joined([
    named("calls/s", rate(callsPerSecond), "bold"),
    named("failures/s", rate(failuresPerSecond), isFailing ? "red" : "plain"),
    named("in flight", count(sample.inFlight)),
    named("queue", count(sample.queued), sample.queued > 0 ? "yellow" : "plain"),
    named("p50", latency(p50Ms)),
    named("p99", latency(p99Ms)),
  ]);
}

/** Between the figures and the rows: what is to be confirmed, what is wrong, what came of the last order, what is filtered. */
function statusLine({ rows }: TopData, state: TopState, { ageMs, failure }: Freshness): StyledLine {
  if (failure !== "") {
    return [span(` STALE: as of ${age(ageMs)} ago `, "alarm"), span(` asking again: ${printable(failure)}`, "yellow")];
  }
  if (state.notice !== "") return [span(state.notice, "yellow")];
  if (state.filter === "" || state.filtering) return [];
  return [span(`filter "${state.filter}": ${chosenRows(rows, state).length} of ${rows.length}; Esc clears it`, "cyan")];
}

const HINTS =
  "q quit  ↑↓ PgUp PgDn  Enter node  / filter  d drain  c cordon  r resume  sort: C calls L p99 E errors N name  ? all keys";

function footer({ pending, filtering, filter, page }: TopState): StyledLine {
  if (filtering) return [span("filter: ", "bold"), span(`${filter}▏`), span("  Enter keeps it, Esc clears it", "dim")];
  if (pending) return [span(` ${question(pending)} `, "reverse"), span(`  the same as: ${twinOf(pending)}`, "dim")];
  if (page === "help") return [span("any of ? Esc q goes back", "dim")];
  if (page === "node") return [span("Esc back  d drain  c cordon  r resume  q back", "dim")];
  return [span(HINTS, "dim")];
}

const QUESTIONS: Readonly<Record<NodeAction, (id: string) => string>> = {
  drain: (id) => `Drain ${id}: no new calls, those it has may finish within 30m? y/N`,
  cordon: (id) => `Cordon ${id}: no new calls, those it has go on? y/N`,
  resume: (id) => `Let ${id} take calls again? y/N`,
};

const question = ({ action, nodeId }: Order) => QUESTIONS[action](nodeId);

/** The command that does the same. */
export function twinOf({ action, nodeId }: Order): string {
  return `heddle nodes ${action} ${/^[\w.:@-]+$/.test(nodeId) && displayWidth(nodeId) > 0 ? nodeId : `'${nodeId.replaceAll("'", "'\\''")}'`}`;
}
