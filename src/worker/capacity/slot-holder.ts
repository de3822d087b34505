import type { CapacityClaim, CapacityGrant } from "../../core/capacity-messages";
import type { MessageStream } from "../../core/message-stream";
import { isStarved, type SlotClaim } from "../../core/slot-shares";

/** Calls that wait, and calls in flight, beyond which what a director says makes no difference. Keeps sums exact. */
const CALLS_MAX = 1_000_000;

/** A director as the worker sees it: what it was granted, and what it has answered. */
export class SlotHolder {
  readonly #stream: MessageStream<CapacityClaim, CapacityGrant>;
  directorId = "";
  #grant: CapacityGrant = { revision: 0, slots: 0, isDraining: false };
  /** The highest grant that it may still act by. */
  #ceiling = 0;
  #inFlight = 0;
  #waiting = 0;
  #confirmed = 0;
  #heardAtMs: number;
  /** When the earliest grant was sent that it has not answered. */
  #unansweredSinceMs: number | undefined;

  constructor(stream: MessageStream<CapacityClaim, CapacityGrant>, nowMs: number) {
    this.#stream = stream;
    this.#heardAtMs = nowMs;
  }

  get claim(): SlotClaim {
    const { slots: share } = this.#grant;
    return { share, ceiling: Math.max(share, this.#ceiling), inFlight: this.#inFlight, queued: this.#waiting };
  }

  /** Slots that it may be using. */
  get held(): number {
    return Math.max(this.#grant.slots, this.#ceiling, this.#inFlight);
  }

  get isStarved(): boolean {
    return isStarved(this.claim);
  }

  get isConfirmed(): boolean {
    return this.#confirmed === this.#grant.revision;
  }

  /** Whether it has answered that it picks the worker no more. */
  get isWithout(): boolean {
    return this.#grant.isDraining && this.isConfirmed;
  }

  silentForMs(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  unansweredForMs(nowMs: number): number {
    return this.#unansweredSinceMs === undefined ? 0 : nowMs - this.#unansweredSinceMs;
  }

  receive({ directorId, revision, inFlight, waiting }: CapacityClaim, nowMs: number): void {
    this.directorId ||= directorId;
    this.#heardAtMs = nowMs;
    this.#inFlight = Math.min(inFlight, CALLS_MAX);
    this.#waiting = Math.min(waiting, CALLS_MAX);
    this.#confirmed = revision;
    if (revision !== this.#grant.revision) return;
    this.#ceiling = this.#grant.slots;
    this.#unansweredSinceMs = undefined;
  }

  /** Also where nothing changes: then it is a question, since every grant is answered. */
  grant(slots: number, isDraining: boolean, nowMs: number): void {
    const { revision } = this.#grant;
    this.#ceiling = slots === Infinity ? 0 : Math.max(this.#ceiling, slots);
    this.#grant = { revision: revision + 1, slots, isDraining };
    this.#unansweredSinceMs ??= nowMs;
    this.#stream.send(this.#grant);
  }

  hasBeenGranted(slots: number): boolean {
    return this.#grant.revision > 0 && this.#grant.slots === slots;
  }

  end(): void {
    this.#stream.end();
  }

  abort(error: Error): void {
    this.#stream.abort(error);
  }
}
