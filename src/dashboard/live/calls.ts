import type { FeedCalls, FeedUnavailable } from "../feed-messages";
import { readEvents } from "./event-stream";

/** A call that ended. */
export interface SeenCall {
  readonly method: string;
  readonly memberId: string;
  readonly startedAtUnixMs: number;
  readonly durationMs: number;
  readonly status: number;
}

/** Calls that are kept; the oldest go. */
const CALLS_MAX = 4_000;
const RETRY_MS = 3_000;

/** The calls of the last moments, as a director tells of them. Changes in place: whoever draws it looks at it when it draws. */
export class CallHistory {
  readonly calls: SeenCall[] = [];
  /** By the director's clock, and when that was heard by `performance.now()`. */
  clock = { atUnixMs: 0, heardAtMs: 0 };
  omitted = 0;
  /** Why there are none; "" when there are. */
  unavailable = "";

  nowUnixMs(): number {
    return this.clock.atUnixMs === 0 ? Date.now() : this.clock.atUnixMs + performance.now() - this.clock.heardAtMs;
  }

  add({ atUnixMs, calls, omitted }: FeedCalls): void {
    this.unavailable = "";
    this.clock = { atUnixMs, heardAtMs: performance.now() };
    this.omitted += omitted;
    for (const [method, memberId, startedAtUnixMs, durationMs, status] of calls) {
      this.calls.push({ method, memberId, startedAtUnixMs, durationMs, status });
    }
    if (this.calls.length > CALLS_MAX) this.calls.splice(0, this.calls.length - CALLS_MAX);
  }
}

/** Follows the calls of a director into `history` until `signal` aborts; a stream that breaks is opened again. */
export async function followCalls(directorId: string, history: CallHistory, signal: AbortSignal): Promise<void> {
  const query = directorId === "" ? "" : `?${new URLSearchParams({ director: directorId }).toString()}`;
  while (!signal.aborted) {
    try {
      await readEvents(`dashboard/calls${query}`, signal, ({ event, data }) => {
        if (event === "calls") history.add(JSON.parse(data) as FeedCalls);
        else if (event === "unavailable") history.unavailable = (JSON.parse(data) as FeedUnavailable).message;
      });
    } catch (error) {
      if (signal.aborted) return;
      history.unavailable = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => window.setTimeout(resolve, RETRY_MS));
  }
}
