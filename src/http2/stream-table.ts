import { STREAM_ID_MAX } from "./frame-types";
import { OpenStreams } from "./open-streams";
import type { StreamCount } from "./options";
import type { Http2Stream } from "./stream";

/** Streams that we reset, remembered because frames for them may be under way. Past it the oldest is forgotten. */
const RESET_IDS_MAX = 10_000;

/** Ranges of ids that the peer left out. Clients count on by two; one that leaves more gaps than this has them forgotten. */
const SKIPPED_RANGES_MAX = 64;

/**
 * The streams of a connection by id, and what has to be known of those that are gone (RFC 9113 §5.1, §5.1.1).
 *
 * - T1: ids of one side only rise; each is used once.
 * - T2: memory is bounded by the open streams and two constants.
 */
export class StreamTable {
  readonly #open = new OpenStreams<Http2Stream>();
  readonly #resetIds = new Set<number>();
  readonly #skipped: { from: number; to: number }[] = [];
  readonly #peerParity: 0 | 1;
  /** Of all connections. */
  readonly #counted: StreamCount;
  #peerCount = 0;
  /** The highest id the peer has used. */
  lastPeerId = 0;
  /** The next id of ours; may be beyond STREAM_ID_MAX. */
  nextLocalId: number;

  constructor(isServer: boolean, firstLocalId: number, counted: StreamCount) {
    this.#counted = counted;
    this.#peerParity = isServer ? 1 : 0;
    this.nextLocalId = isServer ? 2 : firstLocalId;
  }

  get(id: number): Http2Stream | undefined {
    return this.#open.get(id);
  }

  get size(): number {
    return this.#open.size;
  }

  get peerCount(): number {
    return this.#peerCount;
  }

  get localCount(): number {
    return this.#open.size - this.#peerCount;
  }

  get isExhausted(): boolean {
    return this.nextLocalId > STREAM_ID_MAX;
  }

  isOfPeer(id: number): boolean {
    return (id & 1) === this.#peerParity;
  }

  /** Never used, by whoever may use it. */
  isIdle(id: number): boolean {
    return this.isOfPeer(id) ? id > this.lastPeerId : id >= this.nextLocalId;
  }

  /** Whether frames for this closed stream may have been sent before the peer knew. */
  wasResetByUs(id: number): boolean {
    return this.#resetIds.has(id);
  }

  /** Below the highest used, but never used itself: closed without ever having been open. */
  wasSkipped(id: number): boolean {
    return this.#skipped.some(({ from, to }) => id >= from && id <= to);
  }

  /** The peer used this id, whatever becomes of the stream. */
  notePeerId(id: number): void {
    if (id > this.lastPeerId + 2 || (this.lastPeerId === 0 && id > 1)) {
      if (this.#skipped.length >= SKIPPED_RANGES_MAX) this.#skipped.shift();
      this.#skipped.push({ from: this.lastPeerId + 1, to: id - 1 });
    }
    this.lastPeerId = id;
  }

  add(stream: Http2Stream): void {
    this.#open.add(stream);
    if (!this.isOfPeer(stream.id)) return;
    this.#peerCount += 1;
    this.#counted.count += 1;
  }

  remove(stream: Http2Stream): void {
    if (!this.#open.delete(stream.id)) return;
    stream.receiveWindow.release();
    if (!this.isOfPeer(stream.id)) return;
    this.#peerCount -= 1;
    this.#counted.count -= 1;
  }

  rememberReset(id: number): void {
    this.#resetIds.add(id);
    if (this.#resetIds.size <= RESET_IDS_MAX) return;
    for (const oldest of this.#resetIds) {
      this.#resetIds.delete(oldest);
      return;
    }
  }

  /** A copy, since telling them may change the table. */
  all(): Http2Stream[] {
    return this.#open.all();
  }
}
