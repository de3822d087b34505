import { displayWidth } from "../printable";
import { fitText, span, type Span, type Style } from "../styled-text";
import { age, bar, count, latency, rate } from "./figures";
import type { SortColumn } from "./state";
import type { Standing, TopRow } from "./top-data";

interface Column {
  readonly head: string;
  readonly align: "left" | "right";
  readonly sort?: SortColumn;
  /** When the screen is narrow the highest goes first; 0 stays. */
  readonly dispensable: number;
  /** Undefined: as wide as its widest cell, within `maxWidth`. */
  readonly width?: number;
  readonly maxWidth?: number;
  cell(row: TopRow): Span;
}

/** Full and gone differ by sign, by word and by colour. */
const MARKS: Readonly<Record<Standing, readonly [mark: string, style: Style]>> = {
  ready: ["●", "green"],
  full: ["■", "magenta"],
  standby: ["○", "cyan"],
  joining: ["◌", "yellow"],
  suspect: ["?", "yellow"],
  draining: ["▽", "cyan"],
  cordoned: ["‖", "cyan"],
  maintenance: ["‖", "cyan"],
  "not ready": ["!", "yellow"],
  left: ["╳", "dim"],
  dead: ["╳", "alarm"],
};

const BAR_CELLS = 8;
const GAP = "  ";

/** Phi from which a node is looked at with concern; the default of the setting that suspects is higher. */
const PHI_HIGH = 4;

export function standingSpan({ standing }: TopRow): Span {
  const [mark, style] = MARKS[standing];
  return span(`${mark} ${standing === "full" || standing === "dead" ? standing.toUpperCase() : standing}`, style);
}

const figure = (text: string, style: Style = "plain") => span(text, text === "-" || text === "0" ? "dim" : style);

const COLUMNS: readonly Column[] = [
  { head: "NODE", align: "left", sort: "name", dispensable: 0, maxWidth: 28, cell: ({ id }) => span(id, "bold") },
  { head: "STATE", align: "left", sort: "state", dispensable: 0, width: 13, cell: standingSpan },
  {
    head: "INTENT",
    align: "left",
    dispensable: 9,
    width: 11,
    cell: ({ intent }) => span(intent, intent === "serving" ? "dim" : "cyan"),
  },
  { head: "SLOTS", align: "left", dispensable: 5, width: BAR_CELLS + 8, cell: slotsCell },
  {
    head: "IN FL",
    align: "right",
    sort: "in-flight",
    dispensable: 2,
    width: 5,
    cell: ({ inFlight }) => figure(count(inFlight)),
  },
  {
    head: "CALLS/S",
    align: "right",
    sort: "calls",
    dispensable: 0,
    width: 7,
    cell: ({ callsPerSecond }) => figure(rate(callsPerSecond)),
  },
  { head: "P50", align: "right", dispensable: 6, width: 6, cell: ({ p50Ms }) => figure(latency(p50Ms)) },
  {
    head: "P99",
    align: "right",
    sort: "latency",
    dispensable: 1,
    width: 6,
    cell: ({ p99Ms }) => figure(latency(p99Ms)),
  },
  {
    head: "ERR/S",
    align: "right",
    sort: "errors",
    dispensable: 0,
    width: 5,
    cell: ({ failuresPerSecond }) => figure(rate(failuresPerSecond), "red"),
  },
  {
    head: "PHI",
    align: "right",
    sort: "phi",
    dispensable: 7,
    width: 5,
    cell: ({ phi }) => figure(phi < 0.05 ? "0" : phi.toFixed(1), phi >= PHI_HIGH ? "yellow" : "plain"),
  },
  {
    head: "BEAT",
    align: "right",
    sort: "heartbeat",
    dispensable: 3,
    width: 6,
    cell: ({ heartbeatAgeMs }) => figure(age(heartbeatAgeMs)),
  },
  { head: "HOME", align: "left", dispensable: 8, maxWidth: 20, cell: ({ home }) => span(home, "dim") },
];

function slotsCell({ slots, inFlight, standing }: TopRow): Span {
  if (slots === 0) return span("no bound", "dim");
  const text = `${bar(inFlight / slots, BAR_CELLS)} ${inFlight}/${slots}`;
  if (standing === "dead" || standing === "left") return span(`${"·".repeat(BAR_CELLS)} -/${slots}`, "dim");
  return span(text, standing === "full" ? "magenta" : "plain");
}

/** The columns that fit, with their widths. */
export interface Layout {
  readonly columns: readonly (readonly [column: Column, width: number])[];
}

/** Widths depend on all rows and not on those on the screen, so that paging moves nothing sideways. */
export function layoutOf(rows: readonly TopRow[], width: number): Layout {
  let columns = COLUMNS.map((column) => [column, widthOf(column, rows)] as const);
  const total = () => columns.reduce((sum, [, columnWidth]) => sum + columnWidth + GAP.length, -GAP.length);
  const dispensable = COLUMNS.filter(({ dispensable: rank }) => rank > 0).sort((a, b) => b.dispensable - a.dispensable);
  for (const column of dispensable) {
    if (total() <= width) break;
    columns = columns.filter(([each]) => each !== column);
  }
  return { columns };
}

function widthOf(column: Column, rows: readonly TopRow[]): number {
  if (column.width !== undefined) return column.width;
  // With room for the mark of what is sorted by.
  let width = column.head.length + 1;
  for (const row of rows) width = Math.max(width, displayWidth(column.cell(row).text));
  return Math.min(width, column.maxWidth ?? width);
}

/** The column that is sorted by has a mark. */
export function headOf({ columns }: Layout, sort: SortColumn, reversed: boolean): Span[] {
  return columns.flatMap(([{ head, align, sort: own }, width], index) => {
    const isSorted = own === sort;
    const text =
      isSorted && head.length < width
        ? align === "left"
          ? `${head}${mark(reversed)}`
          : `${mark(reversed)}${head}`
        : head;
    return [span(index === 0 ? "" : GAP), span(fitText(text, width, align), isSorted ? "bold" : "dim")];
  });
}

const mark = (reversed: boolean) => (reversed ? "▲" : "▼");

export function cellsOf({ columns }: Layout, row: TopRow): Span[] {
  return columns.flatMap(([{ cell, align }, width], index) => {
    const { text, style } = cell(row);
    return [span(index === 0 ? "" : GAP), span(fitText(text, width, align), style)];
  });
}
