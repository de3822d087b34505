import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { FeedCalls, FeedUnavailable } from "../../dashboard/feed-messages";
import type { EventStream } from "./event-stream";
import { sseEvent } from "./event-stream";
import type { DirectorClients } from "./director-reader";

/** Calls of one message; the rest is counted only. A screen has no place for more. */
const CALLS_MAX = 400;
/** Pause between two messages. */
const PACE_MS = 250;

/** Tells of calls as they end, until `signal` aborts. A reader that is slow, or a director that is fast, gets fewer of them. */
export async function streamCalls(
  { director }: DirectorClients,
  stream: EventStream,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let waiting: FeedCalls["calls"][number][] = [];
  let omitted = 0;
  const pace = async () => {
    while (!signal.aborted) {
      await clock.sleep(PACE_MS, signal).catch(() => {});
      if (signal.aborted || stream.isFull || (waiting.length === 0 && omitted === 0)) continue;
      const calls: FeedCalls = { atUnixMs: Math.floor(clock.wallMs()), calls: waiting, omitted };
      stream.send(sseEvent("calls", JSON.stringify(calls)));
      waiting = [];
      omitted = 0;
    }
  };
  void pace();
  try {
    for await (const { calls, omitted: more } of director.watchCalls({}, { signal })) {
      omitted += Number(more);
      for (const { method, memberId, startedAtUnixMs, durationMs, status } of calls) {
        if (waiting.length >= CALLS_MAX) omitted += 1;
        else waiting.push([method, memberId, Math.round(startedAtUnixMs), Number(durationMs.toPrecision(3)), status]);
      }
    }
    stream.end();
  } catch (error) {
    if (signal.aborted) return;
    const unavailable: FeedUnavailable = { message: messageOf(error) };
    stream.send(sseEvent("unavailable", JSON.stringify(unavailable)));
    stream.end();
  }
}
