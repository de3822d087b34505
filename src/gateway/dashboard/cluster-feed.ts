import type { FeedDelta } from "../../dashboard/feed-messages";
import type { CancelTimer, Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { DirectorReader } from "./director-reader";
import type { ClusterReadings } from "./cluster-readings";
import { FeedRing } from "./feed-ring";
import { sseEvent } from "./event-stream";

/** How often a director is asked: as often as workers say how they are. */
const POLL_MS = 1_000;
/** A feed without viewers, also one that never had any, goes on for so long, so that who comes back finds what they missed. */
const LINGER_MS = 15_000;
/** Of messages that are kept for those who come back: two minutes, or what a thousand busy workers change in a quarter of one. */
const KEPT = { framesMax: 120, charactersMax: 1024 * 1024 };

/** Who watches a feed. */
export interface Viewer {
  /** Whether it has not taken the last message yet. Then it is sent nothing, and when it has, what it missed or a snapshot. */
  readonly isFull: boolean;
  send(text: string): void;
  end(): void;
}

export interface ClusterFeedParts {
  readonly clock: Clock;
  readonly reader: DirectorReader;
  readonly readings: ClusterReadings;
  /** Unlike that of any other feed. */
  readonly life: string;
  /** Nobody watched for a while. */
  readonly ended: () => void;
}

/**
 * One director, as its viewers see it: asked once a second for all of them together, and only while there are any.
 */
export class ClusterFeed {
  readonly #parts: ClusterFeedParts;
  readonly #ring: FeedRing;
  /** Each viewer, and the last message that it has. */
  readonly #viewers = new Map<Viewer, number>();
  readonly #stop = new AbortController();
  #cancelLinger: CancelTimer = () => {};
  #hasAnswered = false;

  constructor(parts: ClusterFeedParts) {
    this.#parts = parts;
    this.#ring = new FeedRing(parts.life, KEPT);
    this.#linger();
    void this.#run();
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** @param lastId - of the last message that it has; "" for none */
  add(viewer: Viewer, lastId: string): void {
    this.#cancelLinger();
    const missed = this.#ring.after(lastId);
    this.#viewers.set(viewer, this.#ring.lastSeq);
    // Before the first answer there is nothing to tell yet.
    if (this.#hasAnswered) viewer.send(missed ? this.#framesAfter(lastId) : this.#snapshot());
  }

  remove(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer) || this.#viewers.size > 0) return;
    this.#linger();
  }

  /** A viewer that was full takes messages again. */
  drained(viewer: Viewer): void {
    const seq = this.#viewers.get(viewer);
    if (seq === undefined || seq === this.#ring.lastSeq) return;
    this.#viewers.set(viewer, this.#ring.lastSeq);
    viewer.send(this.#snapshot());
  }

  stop(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancelLinger();
    this.#stop.abort();
    for (const viewer of [...this.#viewers.keys()]) viewer.end();
    this.#viewers.clear();
    this.#parts.reader.close();
    this.#parts.ended();
  }

  #linger(): void {
    this.#cancelLinger = this.#parts.clock.after(LINGER_MS, () => this.stop());
  }

  async #run(): Promise<void> {
    const { clock, reader, readings } = this.#parts;
    const { signal } = this.#stop;
    void reader.watchEvents(
      (event) => readings.addEvent(event),
      () => readings.resetEvents(),
      signal,
    );
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      const delta = await this.#read();
      if (signal.aborted) return;
      this.#publish(delta);
      const tookMs = clock.monotonicMs() - beganMs;
      await clock.sleep(Math.max(POLL_MS / 4, POLL_MS - tookMs), signal).catch(() => {});
    }
  }

  async #read(): Promise<FeedDelta> {
    const { clock, reader, readings } = this.#parts;
    try {
      const reading = await reader.read(!readings.hasCluster, this.#stop.signal);
      return readings.apply(reading, Math.floor(clock.wallMs()), clock.monotonicMs());
    } catch (error) {
      return readings.fail(messageOf(error), Math.floor(clock.wallMs()));
    }
  }

  #publish(delta: FeedDelta): void {
    const frame = this.#ring.push(JSON.stringify(delta));
    const text = this.#encode(frame);
    const isFirst = !this.#hasAnswered;
    this.#hasAnswered = true;
    for (const [viewer, seq] of this.#viewers) {
      if (viewer.isFull) continue;
      // One that took nothing for a while has missed what came before this.
      const isNext = seq === frame.seq - 1 && !isFirst;
      this.#viewers.set(viewer, frame.seq);
      viewer.send(isNext ? text : this.#snapshot());
    }
  }

  #framesAfter(id: string): string {
    return (this.#ring.after(id) ?? []).map((frame) => this.#encode(frame)).join("");
  }

  #encode({ seq, text }: { readonly seq: number; readonly text: string }): string {
    return sseEvent("delta", text, this.#ring.idOf(seq));
  }

  #snapshot(): string {
    const { clock, readings } = this.#parts;
    const snapshot = readings.snapshot(Math.floor(clock.wallMs()));
    return sseEvent("snapshot", JSON.stringify(snapshot), this.#ring.idOf(this.#ring.lastSeq));
  }
}
