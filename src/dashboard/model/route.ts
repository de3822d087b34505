import { SITUATIONS, type Situation } from "./situation";
import { DEFAULT_ORDER, type SortKey, type WorkerOrder } from "./worker-order";

export const VIEWS = ["workers", "calls", "topology", "metrics", "events", "agents"] as const;
export type View = (typeof VIEWS)[number];

/** Where the page is: all of it is in the address, so that a link shows another person the same. */
export interface Route {
  readonly view: View;
  /** The worker whose details are open; "" for none. */
  readonly workerId: string;
  /** The director that is looked at; "" for the one that serves the page. */
  readonly directorId: string;
  readonly text: string;
  readonly situation: Situation | undefined;
  readonly order: WorkerOrder;
}

export const START: Route = {
  view: "workers",
  workerId: "",
  directorId: "",
  text: "",
  situation: undefined,
  order: DEFAULT_ORDER,
};

const SORT_KEYS: readonly SortKey[] = [
  "situation",
  "label",
  "load",
  "inFlight",
  "phi",
  "p50",
  "p99",
  "errors",
  "version",
  "home",
  "beat",
];

/** Of "#/workers/w1?q=gpu&state=full&sort=-p99&director=d2". What it cannot read is left at its default. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", workerId = ""] = path.split("/");
  const values = new URLSearchParams(query);
  const sort = values.get("sort") ?? "";
  const key = SORT_KEYS.find((known) => known === sort.replace(/^-/, ""));
  return {
    view: VIEWS.find((known) => known === view) ?? START.view,
    workerId: decode(workerId),
    directorId: values.get("director") ?? "",
    text: values.get("q") ?? "",
    situation: SITUATIONS.find((known) => known === values.get("state")),
    order: key ? { key, descending: sort.startsWith("-") } : DEFAULT_ORDER,
  };
}

export function formatRoute(route: Route): string {
  const values = new URLSearchParams();
  if (route.text !== "") values.set("q", route.text);
  if (route.situation !== undefined) values.set("state", route.situation);
  const { key, descending } = route.order;
  if (key !== DEFAULT_ORDER.key || descending) values.set("sort", `${descending ? "-" : ""}${key}`);
  if (route.directorId !== "") values.set("director", route.directorId);
  const query = values.size === 0 ? "" : `?${values.toString()}`;
  const worker = route.workerId === "" ? "" : `/${encodeURIComponent(route.workerId)}`;
  return `#/${route.view}${worker}${query}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
