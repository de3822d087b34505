import { SITUATIONS, situationOf, type Situation } from "./situation";
import type { Worker } from "./worker";

export type SortKey =
  "situation" | "label" | "load" | "inFlight" | "phi" | "p50" | "p99" | "errors" | "version" | "home" | "beat";

export interface WorkerOrder {
  readonly key: SortKey;
  readonly descending: boolean;
}

export const DEFAULT_ORDER: WorkerOrder = { key: "situation", descending: false };

/** Sorted; equals by their labels, so that rows do not jump. */
export function sortWorkers(workers: readonly Worker[], { key, descending }: WorkerOrder): Worker[] {
  const keyed = workers.map((worker): [number | string, Worker] => [sortValue(worker, key), worker]);
  const sign = descending ? -1 : 1;
  keyed.sort(([a, first], [b, second]) => sign * compare(a, b) || compareText(first.label, second.label));
  return keyed.map(([, worker]) => worker);
}

export interface WorkerFilter {
  readonly text: string;
  readonly situation: Situation | undefined;
}

/**
 * Every word must be in a worker's names, address, version, tags, services or home. "zone=a" is a tag, "zone" any worker that has it.
 */
export function filterWorkers(workers: readonly Worker[], { text, situation }: WorkerFilter): Worker[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return workers.filter(
    (worker) =>
      (situation === undefined || situationOf(worker) === situation) &&
      (words.length === 0 || matches(searchText(worker), words)),
  );
}

export function countSituations(workers: Iterable<Worker>): Map<Situation, number> {
  const counts = new Map<Situation, number>();
  for (const worker of workers) {
    const situation = situationOf(worker);
    counts.set(situation, (counts.get(situation) ?? 0) + 1);
  }
  return new Map(SITUATIONS.filter((of) => counts.has(of)).map((of) => [of, counts.get(of)!]));
}

/** Share of its slots in use; 0 for a worker without a bound. */
export function fullness({ slots, inFlight }: Worker): number {
  return slots === 0 ? 0 : inFlight / slots;
}

function matches(text: string, words: readonly string[]): boolean {
  return words.every((word) => text.includes(word));
}

function searchText(worker: Worker): string {
  const tags = Object.entries(worker.tags).map(([key, value]) => `${key}=${value}`);
  const { memberId, label, address, version, role, homeDirectorId, services } = worker;
  return [memberId, label, address, version, role, homeDirectorId, ...services, ...tags].join(" ").toLowerCase();
}

function sortValue(worker: Worker, key: SortKey): number | string {
  switch (key) {
    case "situation":
      return SITUATIONS.indexOf(situationOf(worker));
    case "label":
      return worker.label;
    case "load":
      return fullness(worker);
    case "inFlight":
      return worker.inFlight;
    case "phi":
      return worker.phi;
    case "p50":
      return worker.p50Ms;
    case "p99":
      return worker.p99Ms;
    case "errors":
      return worker.callsFailed;
    case "version":
      return worker.version;
    case "home":
      return worker.homeDirectorId;
    case "beat":
      // Fresh ones last.
      return worker.beatUnixMs === 0 ? Number.MAX_SAFE_INTEGER : worker.beatUnixMs;
  }
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return compareText(String(a), String(b));
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

function compareText(a: string, b: string): number {
  return COLLATOR.compare(a, b);
}
