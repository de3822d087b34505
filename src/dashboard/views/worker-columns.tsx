import type { ComponentChildren } from "preact";

import { LoadBar } from "../parts/load-bar";
import { SituationMark } from "../parts/situation-mark";
import { situationOf } from "../model/situation";
import { statusName } from "../model/status-names";
import type { Worker } from "../model/worker";
import type { SortKey } from "../model/worker-order";
import { ago, count, milliseconds } from "../model/words";

/** What a cell may need besides the worker. */
export interface CellContext {
  readonly nowUnixMs: number;
  /** The director that is looked at. */
  readonly directorId: string;
  readonly href: (worker: Worker) => string;
}

export interface Column {
  /** Also its class: narrow screens leave some out. */
  readonly name: string;
  readonly title: string;
  /** What the title means, where that is not clear. */
  readonly hint?: string;
  readonly sort?: SortKey;
  /** Sorted with the largest first when it is sorted for the first time. */
  readonly descending?: boolean;
  readonly cell: (worker: Worker, context: CellContext) => ComponentChildren;
}

export const COLUMNS: readonly Column[] = [
  {
    name: "state",
    title: "State",
    sort: "situation",
    cell: (worker) => <SituationMark situation={situationOf(worker)} />,
  },
  {
    name: "worker",
    title: "Worker",
    sort: "label",
    cell: (worker, { href }) => (
      <>
        <a href={href(worker)} tabIndex={-1}>
          {worker.label || worker.memberId}
        </a>
        {worker.role !== "worker" && worker.role !== "" && <span class="tag">{worker.role}</span>}
      </>
    ),
  },
  {
    name: "intent",
    title: "Intent",
    hint: "What an operator wants of it",
    cell: ({ intent, intentReason }) =>
      intent === "serving" ? (
        <span class="faint">serving</span>
      ) : (
        <span title={intentReason}>
          {intent}
          {intentReason !== "" && <span class="faint"> · {intentReason}</span>}
        </span>
      ),
  },
  {
    name: "slots",
    title: "Slots",
    hint: "Slots in use, of those it has",
    sort: "load",
    descending: true,
    cell: (worker) => <LoadBar worker={worker} />,
  },
  {
    name: "in-flight",
    title: "In flight",
    sort: "inFlight",
    descending: true,
    cell: ({ inFlight }) => quiet(inFlight, count(inFlight)),
  },
  {
    name: "p50",
    title: "p50",
    hint: "Half of the calls of about the last minute took less",
    sort: "p50",
    descending: true,
    cell: ({ p50Ms }) => quiet(p50Ms, milliseconds(p50Ms)),
  },
  {
    name: "p99",
    title: "p99",
    hint: "99 of 100 calls of about the last minute took less",
    sort: "p99",
    descending: true,
    cell: ({ p99Ms }) => quiet(p99Ms, milliseconds(p99Ms)),
  },
  {
    name: "errors",
    title: "Errors",
    hint: "Calls that failed, counted by this director since it started",
    sort: "errors",
    descending: true,
    cell: (worker) => (
      <span class={worker.callsFailed > 0 ? "bad" : "faint"} title={errorsInWords(worker)}>
        {count(worker.callsFailed)}
      </span>
    ),
  },
  {
    name: "phi",
    title: "φ",
    hint: "Suspicion: how unlikely its present silence is (phi accrual)",
    sort: "phi",
    descending: true,
    cell: ({ phi }) => quiet(phi, phi === 0 ? "<1" : String(phi)),
  },
  { name: "version", title: "Version", sort: "version", cell: ({ version }) => version || "–" },
  {
    name: "tags",
    title: "Tags",
    // The label and the role have places of their own.
    cell: ({ tags, role, label }) =>
      Object.entries(tags)
        .filter(([key, value]) => value !== (key === "role" ? role : key === "label" ? label : undefined))
        .map(([key, value]) => (
          <span key={key} class="tag">
            {key}={value}
          </span>
        )),
  },
  {
    name: "home",
    title: "Director",
    hint: "Its home: the director that holds its stream and judges it",
    sort: "home",
    cell: ({ homeDirectorId }, { directorId }) => (
      <span class={homeDirectorId === directorId ? "" : "faint"}>{homeDirectorId || "–"}</span>
    ),
  },
  {
    name: "beat",
    title: "Heartbeat",
    hint: "The last one that this director received",
    sort: "beat",
    cell: (worker, context) => lastBeat(worker, context),
  },
];

export function lastBeat(
  { beatKnown, beatUnixMs, homeDirectorId }: Worker,
  { nowUnixMs, directorId }: Pick<CellContext, "nowUnixMs" | "directorId">,
) {
  if (!beatKnown) return <span class="faint">{homeDirectorId === directorId ? "none yet" : "elsewhere"}</span>;
  return beatUnixMs === 0 ? "now" : <span class="warn">{ago(beatUnixMs, nowUnixMs)}</span>;
}

export function errorsInWords({ errors }: Worker): string {
  const parts = Object.entries(errors).map(([code, times]) => `${statusName(code)} ${count(times)}`);
  return parts.join(", ");
}

/** What is nothing is there, and does not catch the eye. */
function quiet(value: number, text: string) {
  return value === 0 ? <span class="faint">{text}</span> : text;
}
