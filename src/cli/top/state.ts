import type { Key } from "../keys";
import type { TopRow } from "./top-data";

export type NodeAction = "drain" | "cordon" | "resume";
export type SortColumn = "name" | "state" | "calls" | "latency" | "errors" | "in-flight" | "phi" | "heartbeat";

/** What the person at the screen has chosen. */
export interface TopState {
  readonly page: "nodes" | "node" | "help";
  readonly sort: SortColumn;
  /** The other way round than the column's own. */
  readonly reversed: boolean;
  readonly filter: string;
  /** Keys go into the filter. */
  readonly filtering: boolean;
  /** Undefined: the first. */
  readonly selectedId: string | undefined;
  /** Where the selected one was, for when it is gone. */
  readonly selectedIndex: number;
  /** Index of the first row on the screen. */
  readonly offset: number;
  /** Asked, and waiting for a yes. */
  readonly pending: Order | undefined;
  /** How the last order went. */
  readonly notice: string;
}

export interface Order {
  readonly action: NodeAction;
  readonly nodeId: string;
}

/** What a key brought about. */
export interface Pressed {
  readonly state: TopState;
  /** To be done now: it was confirmed. */
  readonly order?: Order;
  readonly quit?: true;
}

export const INITIAL_STATE: TopState = {
  page: "nodes",
  sort: "name",
  reversed: false,
  filter: "",
  filtering: false,
  selectedId: undefined,
  selectedIndex: 0,
  offset: 0,
  pending: undefined,
  notice: "",
};

/** Capital letters sort, as in top(1); a second time reverses. */
export const SORT_KEYS: Readonly<Record<string, SortColumn>> = {
  N: "name",
  S: "state",
  C: "calls",
  L: "latency",
  E: "errors",
  I: "in-flight",
  P: "phi",
  B: "heartbeat",
};

export const ACTION_KEYS: Readonly<Record<string, NodeAction>> = { d: "drain", c: "cordon", r: "resume" };

const FILTER_MAX = 60;

/** Trouble first. */
const STANDING_ORDER = [
  "dead",
  "suspect",
  "not ready",
  "joining",
  "full",
  "draining",
  "maintenance",
  "cordoned",
  "ready",
  "standby",
  "left",
];

type RowOrder = (a: TopRow, b: TopRow) => number;
const most =
  (figure: (row: TopRow) => number | undefined): RowOrder =>
  (a, b) =>
    (figure(b) ?? -1) - (figure(a) ?? -1);
/** Made once: that costs more than a thousand comparisons. */
const NAMES = new Intl.Collator("en", { numeric: true });
const byName: RowOrder = (a, b) => NAMES.compare(a.id, b.id);

const ORDERS: Readonly<Record<SortColumn, RowOrder>> = {
  name: byName,
  state: (a, b) => STANDING_ORDER.indexOf(a.standing) - STANDING_ORDER.indexOf(b.standing),
  calls: most(({ callsPerSecond }) => callsPerSecond),
  latency: most(({ p99Ms }) => p99Ms),
  errors: most(({ failuresPerSecond }) => failuresPerSecond),
  "in-flight": most(({ inFlight }) => inFlight),
  phi: most(({ phi }) => phi),
  heartbeat: most(({ heartbeatAgeMs }) => heartbeatAgeMs),
};

/** The rows that the filter lets through, in order. */
export function chosenRows(rows: readonly TopRow[], { sort, reversed, filter }: TopState): readonly TopRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (row: TopRow) => {
    const { id, label, standing, intent, home, tags, address, role, services } = row;
    const text = [id, label, standing, intent, home, tags, address, role, ...services].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const order = ORDERS[sort];
  const direction = reversed ? -1 : 1;
  return rows.filter(matches).sort((a, b) => direction * order(a, b) || byName(a, b));
}

/** Where the selection is among these rows; -1 when there are none. */
export function selectionOf(rows: readonly TopRow[], { selectedId, selectedIndex }: TopState): number {
  const index = rows.findIndex(({ id }) => id === selectedId);
  return index === -1 ? Math.min(selectedIndex, rows.length - 1) : index;
}

/** The first row on a screen of this height, so that the selection is on it. */
export function offsetOf(rows: readonly TopRow[], state: TopState, height: number): number {
  const selected = Math.max(0, selectionOf(rows, state));
  const offset = Math.min(state.offset, Math.max(0, rows.length - height));
  if (selected < offset) return selected;
  return selected >= offset + height ? selected - height + 1 : offset;
}

/** @param rows - as `chosenRows` gives them; `height` of them are on the screen */
export function press(state: TopState, key: Key, rows: readonly TopRow[], height: number): Pressed {
  if (key === "ctrl-c") return { state, quit: true };
  if (state.filtering) return { state: editFilter(state, key) };
  if (state.pending) return confirm(state, state.pending, key);
  if (key === "q") return state.page === "nodes" ? { state, quit: true } : { state: { ...state, page: "nodes" } };
  const action = ACTION_KEYS[key];
  const row = rows[selectionOf(rows, state)];
  if (action && row && state.page !== "help") {
    return { state: { ...state, pending: { action, nodeId: row.id }, notice: "" } };
  }
  if (state.page !== "nodes") return { state: leavePage(state, key) };
  return { state: moved(inList(state, key, row), key, rows, height) };
}

function inList(state: TopState, key: Key, row: TopRow | undefined): TopState {
  const sort = SORT_KEYS[key];
  if (sort) return { ...state, sort, reversed: sort === state.sort && !state.reversed, offset: 0 };
  switch (key) {
    case "/":
      return { ...state, filtering: true, notice: "" };
    case "escape":
      return { ...state, filter: "", notice: "" };
    case "enter":
      return row ? { ...state, page: "node", selectedId: row.id, notice: "" } : state;
    case "?":
    case "h":
      return { ...state, page: "help" };
    default:
      return state;
  }
}

function leavePage(state: TopState, key: Key): TopState {
  return ["escape", "enter", "left", "backspace", "?", "h"].includes(key) ? { ...state, page: "nodes" } : state;
}

const STEPS: Readonly<Record<string, (index: number, height: number, last: number) => number>> = {
  up: (index) => index - 1,
  k: (index) => index - 1,
  down: (index) => index + 1,
  j: (index) => index + 1,
  "page-up": (index, height) => index - height,
  "page-down": (index, height) => index + height,
  home: () => 0,
  g: () => 0,
  end: (_index, _height, last) => last,
  G: (_index, _height, last) => last,
};

function moved(state: TopState, key: Key, rows: readonly TopRow[], height: number): TopState {
  const step = STEPS[key];
  const last = rows.length - 1;
  if (!step || last < 0) return state;
  const selectedIndex = Math.max(0, Math.min(last, step(selectionOf(rows, state), Math.max(1, height), last)));
  const next = { ...state, selectedIndex, selectedId: rows[selectedIndex]!.id };
  return { ...next, offset: offsetOf(rows, next, height) };
}

function editFilter(state: TopState, key: Key): TopState {
  const changed = (filter: string) => ({ ...state, filter, offset: 0, selectedIndex: 0, selectedId: undefined });
  switch (key) {
    case "enter":
      return { ...state, filtering: false };
    case "escape":
      return { ...changed(""), filtering: false };
    case "backspace":
      return changed([...state.filter].slice(0, -1).join(""));
    default:
      return [...key].length === 1 && state.filter.length < FILTER_MAX ? changed(state.filter + key) : state;
  }
}

/** Nothing but a "y" is a yes. */
function confirm(state: TopState, order: Order, key: Key): Pressed {
  const answered = { ...state, pending: undefined };
  if (key === "y" || key === "Y")
    return { state: { ...answered, notice: `${order.action} of ${order.nodeId} …` }, order };
  return { state: { ...answered, notice: `${order.nodeId} stays as it is` } };
}
