import { useEffect, useState } from "preact/hooks";

import type { FeedDelta, FeedSnapshot } from "../feed-messages";
import { modelOfSnapshot, NOTHING_YET, withDelta, type ClusterModel } from "../model/cluster-model";
import { FeedConnection, type FeedState } from "./feed-connection";

/** What the page shows, and how fresh that is. */
export interface Live {
  readonly model: ClusterModel;
  readonly feed: FeedState;
  /** When the last message came, by `performance.now()`; 0 before the first. */
  readonly heardAtMs: number;
}

const NOTHING: Live = { model: NOTHING_YET, feed: { kind: "connecting" }, heardAtMs: 0 };

/** The cluster as this director tells of it, for as long as the component is there. "" is the director that serves the page. */
export function useLive(directorId: string): Live & { readonly retryNow: () => void } {
  const [live, setLive] = useState<Live & { readonly retryNow: () => void }>({ ...NOTHING, retryNow: () => {} });
  useEffect(() => {
    let { model, feed, heardAtMs }: Live = NOTHING;
    let connection: FeedConnection | undefined = undefined;
    const show = () => setLive({ model, feed, heardAtMs, retryNow: () => connection?.retryNow() });
    const take = (next: ClusterModel) => {
      model = next;
      heardAtMs = performance.now();
    };
    connection = new FeedConnection(directorId, {
      snapshot: (snapshot: FeedSnapshot) => take(modelOfSnapshot(snapshot)),
      delta: (delta: FeedDelta) => take(withDelta(model, delta)),
      state: (state) => {
        feed = state;
        show();
      },
    });
    return () => connection.close();
  }, [directorId]);
  return live;
}

/** `performance.now()`, again after every so many milliseconds. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(performance.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** The director's clock now: the last that was heard of it, and what passed since. The page's own may be wrong. */
export function directorNow({ model, heardAtMs }: Live): number {
  return model.atUnixMs + (heardAtMs === 0 ? 0 : performance.now() - heardAtMs);
}
