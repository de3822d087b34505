import {
  EVENTS_KEPT_MAX,
  POINTS_KEPT_MAX,
  type FeedAgent,
  type FeedCluster,
  type FeedDelta,
  type FeedEvent,
  type FeedPoint,
  type FeedSnapshot,
  type FeedTrouble,
} from "../feed-messages";
import { changedWorker, workerOf, type Worker } from "./worker";

/** All that the page knows of the cluster. A message makes a new one, which shares what did not change. */
export interface ClusterModel {
  /** The director that is looked at. */
  readonly directorId: string;
  readonly workers: ReadonlyMap<number, Worker>;
  readonly cluster: FeedCluster | null;
  /** The latest last. */
  readonly events: readonly FeedEvent[];
  readonly points: readonly FeedPoint[];
  readonly agents: readonly FeedAgent[];
  readonly trouble: FeedTrouble | null;
  readonly fields: readonly string[];
  /** By the director's clock. */
  readonly atUnixMs: number;
}

export const NOTHING_YET: ClusterModel = {
  directorId: "",
  workers: new Map(),
  cluster: null,
  events: [],
  points: [],
  agents: [],
  trouble: null,
  fields: [],
  atUnixMs: 0,
};

export function modelOfSnapshot(snapshot: FeedSnapshot): ClusterModel {
  const { rows, fields, ...rest } = snapshot;
  return { ...rest, fields, workers: new Map(rows.map((row) => [row[0], workerOf(row, fields)])) };
}

export function withDelta(model: ClusterModel, delta: FeedDelta): ClusterModel {
  const { added = [], changed = [], removed = [], cluster, events, eventsReset, point, agents, trouble } = delta;
  let { workers } = model;
  if (added.length + changed.length + removed.length > 0) {
    const next = new Map(workers);
    for (const row of added) next.set(row[0], workerOf(row, model.fields));
    for (const change of changed) {
      const worker = next.get(change[0]);
      if (worker) next.set(change[0], changedWorker(worker, change, model.fields));
    }
    for (const handle of removed) next.delete(handle);
    workers = next;
  }
  const before = eventsReset ? [] : model.events;
  return {
    ...model,
    workers,
    atUnixMs: delta.atUnixMs,
    cluster: cluster ?? model.cluster,
    events: events || eventsReset ? [...before, ...(events ?? [])].slice(-EVENTS_KEPT_MAX) : model.events,
    points: point ? [...model.points, point].slice(-POINTS_KEPT_MAX) : model.points,
    agents: agents ?? model.agents,
    trouble: trouble === undefined ? model.trouble : trouble,
  };
}
