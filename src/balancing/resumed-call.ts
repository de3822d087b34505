import { Backoff } from "../core/backoff";
import type { Acceptance, CallEnd, IncomingCall } from "../core/call";
import { endOfAnswer, endOfError } from "../core/call-end";
import type { CallMetadata } from "../core/call-metadata";
import { takeCheckpoint, withoutAny } from "../core/checkpoint";
import type { CancelTimer, Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import { HEDDLE_KEYS } from "../core/heddle-metadata";
import type { CutMessage, MessageCutter } from "../core/message-cutter";
import type { Random } from "../core/random";
import { refuseCall } from "../core/refuse-call";
import { positionOf, sequenceOf, setPosition, type ResumePosition } from "../core/resume-position";
import { Status } from "../core/status";
import { CallLeg, type LegOwner } from "./call-leg";
import { KeptRequests } from "./kept-requests";
import { resumeOf, type ResumeLimits } from "./resume-rules";
import type { RetryMemory } from "./retry-memory";

/** What calls that are resumed have in common. */
export interface ResumeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ResumeLimits;
  readonly retryBufferBytes: number;
  readonly retryMemory: RetryMemory;
  /** Of the chunks that calls here consist of. */
  newCutter(): MessageCutter;
}

export interface ResumePlan extends ResumeParts {
  /** What the worker is sent, but for the position. */
  readonly metadata: CallMetadata;
  /** Forwards one leg, to another worker than `lost` if there is one. */
  forward(leg: CallLeg, metadata: CallMetadata, lost: ReadonlySet<string> | undefined): void;
}

/** Of the hop, not of the answer. */
const OWN_HEADERS: ReadonlySet<string> = new Set([HEDDLE_KEYS.resumeAfter, HEDDLE_KEYS.checkpoints]);

/**
 * Carries a call whose method is resumable, in legs: when the worker of one is lost, another goes on after the last message that the
 * caller was given.
 * - S1 the caller is given each message once, in order, and whole: what was cut off with its worker reaches nobody.
 * - S2 the messages of a leg are counted from where its worker says that it begins, which may be before the position, and not after it;
 *   those that the caller has are dropped.
 * - S3 a status that a handler chose, a deadline or a cancel ends it. It is resumed only within `limits` and while all its requests can be
 *   sent again; otherwise it ends with STREAM_LOST, and `heddle-sequence` says how far it came.
 * - S4 what it holds: the requests, up to `retryBufferBytes`; one message that is not complete, up to the connection's limit; one checkpoint.
 *   A slow reader on either side stops the other.
 * - S5 a checkpoint reaches only a caller that asked for such.
 */
export function resumedCall(call: IncomingCall, plan: ResumePlan): void {
  try {
    new ResumedCall(call, plan, positionOf(call.metadata)).run();
  } catch (error) {
    refuseCall(call, asFabricError(error, "INVALID_ARGUMENT"));
  }
}

class ResumedCall implements LegOwner {
  readonly #call: IncomingCall;
  readonly #plan: ResumePlan;
  readonly #kept: KeptRequests;
  readonly #takesCheckpoints: boolean;
  readonly #deadlineMs: number;
  /** What the caller has. */
  #position: ResumePosition;
  /** How messages are compressed, as the headers told the caller; undefined before. */
  #encoding: string | undefined;
  /** The caller reads slowly. */
  #isBlocked = false;
  #over = false;
  #leg: CallLeg | undefined;
  #legs = 0;
  #attempts = 0;
  // Of the present leg:
  #isReplaying = false;
  #wantsRequests = false;
  #cutter: MessageCutter;
  /** The number of its latest message. */
  #legSequence = 0;
  #legHasCheckpoints = false;
  #legStartedMs = 0;
  #heldBytes = 0;
  // Since the last new message:
  #fruitless = 0;
  #brokenAtMs: number | undefined;
  readonly #backoff: Backoff;
  #cancelPause: CancelTimer | undefined;
  /** A worker had it. */
  #hadBegun = false;
  /** The worker that lost it last. */
  #lost: ReadonlySet<string> | undefined;

  constructor(call: IncomingCall, plan: ResumePlan, position: ResumePosition) {
    const { clock, random, retryBufferBytes, retryMemory } = plan;
    this.#call = call;
    this.#plan = plan;
    this.#position = position;
    this.#takesCheckpoints = call.metadata.text(HEDDLE_KEYS.checkpoints) !== undefined;
    this.#deadlineMs = call.timeoutMs === undefined ? Infinity : clock.monotonicMs() + call.timeoutMs;
    this.#kept = new KeptRequests(retryBufferBytes, retryMemory);
    this.#cutter = plan.newCutter();
    this.#backoff = new Backoff({ initialMs: 50, maxMs: 1_000 }, random);
  }

  run(): void {
    // First, so that whoever is to have the requests is there when they come.
    this.#startLeg();
    this.#call.listen({
      message: (bytes) => {
        this.#kept.keep(bytes);
        this.#leg?.request(bytes);
      },
      halfClosed: () => {
        this.#kept.halfClosed();
        this.#leg?.halfClose();
      },
      drained: () => {
        this.#isBlocked = false;
        this.#leg?.drained();
      },
      cancelled: () => {
        if (this.#over) return;
        this.#settle();
        this.#leg?.cancel();
      },
    });
  }

  // ---- What a leg says -------------------------------------------------------------------------------------------------

  headers(leg: CallLeg, metadata: CallMetadata): void {
    const said = metadata.text(HEDDLE_KEYS.resumeAfter) ?? "0";
    const before = sequenceOf(said);
    if (before === undefined || before > this.#position.afterSequence) {
      leg.cancel();
      this.#lose(`a worker went on after message ${JSON.stringify(said.slice(0, 32))}`); // S2
      return;
    }
    this.#legSequence = before;
    this.#legHasCheckpoints = metadata.text(HEDDLE_KEYS.checkpoints) !== undefined;
    const encoding = metadata.text("grpc-encoding") ?? "identity";
    if (this.#encoding === undefined) {
      this.#encoding = encoding;
      this.#call.sendHeaders(this.#headersOf(metadata));
    } else if (encoding !== "identity" && encoding !== this.#encoding) {
      leg.cancel();
      this.#lose(`a worker sends in ${encoding.slice(0, 32)}, where the caller was told ${this.#encoding}`);
    }
  }

  accepted(_leg: CallLeg, by: Acceptance): void {
    if (this.#legs === 1) this.#call.accept?.(by);
  }

  message(leg: CallLeg, bytes: Uint8Array): boolean {
    const cutter = this.#cutter;
    cutter.push(bytes);
    for (let cut = cutter.next(); cut !== undefined; cut = cutter.next()) {
      this.#legSequence += 1;
      if (this.#legSequence > this.#position.afterSequence) this.#pass(cut); // S2
      if (leg.isOver) return true; // the caller left
    }
    this.#hold(cutter.heldBytes);
    return !this.#isBlocked;
  }

  ended(_leg: CallLeg, end: Omit<CallEnd, "error">): void {
    const { clock, limits } = this.#plan;
    const { status, message, trailers } = end;
    this.#attempts += Number(trailers.text(HEDDLE_KEYS.attempts) ?? 0);
    const isCut = !this.#cutter.isBetweenMessages;
    this.#hold(0);
    const { error } = endOfAnswer(status, message, trailers);
    if (error === undefined) {
      if (isCut) this.#finish({ status: Status.INTERNAL, message: "the answer ended within a message", trailers });
      else if (this.#isShort) this.#lose(`its answer was over after message ${this.#legSequence}`);
      else this.#finish(end);
      return;
    }
    const nowMs = clock.monotonicMs();
    // One that lasted was no part of an earlier trouble, even if it had nothing to say.
    if (nowMs - this.#legStartedMs > limits.windowMs) this.#goesWell();
    this.#brokenAtMs ??= nowMs;
    if (error.kind.executed !== "no") {
      this.#fruitless += 1;
      this.#hadBegun = true;
    }
    const brokenMs = nowMs - this.#brokenAtMs;
    const isReplayable = this.#kept.isWhole;
    const [hadBegun, fruitless] = [this.#hadBegun, this.#fruitless];
    const resumes = resumeOf({ error, hadBegun, fruitless, brokenMs, isReplayable }, limits);
    if (resumes === "yes") this.#resume(trailers.text(HEDDLE_KEYS.worker), error);
    else if (resumes === "no") this.#finish(end);
    else this.#lose(`${resumes.reason}: ${error.message}`);
  }

  requestsUnwanted(): void {
    this.#wantsRequests = false;
    this.#call.pause();
  }

  requestsWanted(): void {
    this.#wantsRequests = true;
    if (!this.#isReplaying) this.#call.resume();
  }

  // ---- Own -------------------------------------------------------------------------------------------------------------

  #startLeg(): void {
    const { clock, forward, newCutter } = this.#plan;
    const nowMs = clock.monotonicMs();
    this.#cutter = newCutter();
    this.#wantsRequests = false;
    this.#legSequence = 0;
    this.#legHasCheckpoints = false;
    this.#legStartedMs = nowMs;
    const leg = new CallLeg(this.#call, this.#deadlineMs === Infinity ? undefined : this.#deadlineMs - nowMs, this);
    this.#leg = leg;
    const metadata = this.#metadata();
    this.#legs += 1;
    // What the caller sends meanwhile comes after what it has sent.
    this.#isReplaying = true;
    forward(leg, metadata, this.#lost);
    this.#kept.replay(leg);
    this.#isReplaying = false;
    if (this.#wantsRequests && !leg.isOver) this.#call.resume();
  }

  /** What the worker of the next leg is sent. */
  #metadata(): CallMetadata {
    const metadata = this.#plan.metadata.clone();
    metadata.set(HEDDLE_KEYS.checkpoints, "1");
    if (this.#legs === 0) return metadata;
    setPosition(metadata, this.#position);
    // The caller was told how messages are compressed, and cannot be told again.
    if (this.#encoding !== undefined && metadata.text("grpc-accept-encoding") !== undefined) {
      metadata.set("grpc-accept-encoding", this.#encoding);
    }
    return metadata;
  }

  #headersOf(metadata: CallMetadata): CallMetadata {
    const headers = metadata.without(OWN_HEADERS);
    const { afterSequence } = this.#position;
    if (afterSequence > 0) headers.append(HEDDLE_KEYS.resumeAfter, String(afterSequence));
    if (this.#takesCheckpoints) headers.append(HEDDLE_KEYS.checkpoints, "1");
    return headers;
  }

  /** A new message, to the caller. */
  #pass({ sent, message }: CutMessage): void {
    const afterSequence = this.#legSequence;
    const taken = message && this.#legHasCheckpoints ? takeCheckpoint(message) : undefined;
    this.#position =
      taken?.checkpoint === undefined
        ? { ...this.#position, afterSequence }
        : { afterSequence, checkpoint: Uint8Array.from(taken.checkpoint), checkpointSequence: afterSequence };
    this.#hadBegun = true;
    this.#goesWell();
    if (!this.#call.send(this.#sentForm(sent, message, taken?.message))) this.#isBlocked = true;
  }

  /** S5 @param plain - the message without its checkpoint; undefined where there can be none */
  #sentForm(sent: Uint8Array, message: Uint8Array | undefined, plain: Uint8Array | undefined): Uint8Array {
    if (this.#takesCheckpoints) {
      if (plain !== undefined || message === undefined) return sent;
      const safe = withoutAny(message);
      return safe === message ? sent : this.#cutter.sentFormOf(safe);
    }
    return plain === undefined || plain === message ? sent : this.#cutter.sentFormOf(plain);
  }

  /** The caller has more of it than the worker gave before it said that this is all. */
  get #isShort(): boolean {
    return this.#legSequence > 0 && this.#legSequence < this.#position.afterSequence;
  }

  #goesWell(): void {
    this.#fruitless = 0;
    this.#brokenAtMs = undefined;
    this.#backoff.reset();
  }

  #hold(bytes: number): void {
    const { retryMemory } = this.#plan;
    retryMemory.take(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }

  /** At once after a new message; after a pause when the last try brought none. */
  #resume(memberId: string | undefined, error: FabricError): void {
    const { clock } = this.#plan;
    this.#lost = memberId === undefined ? undefined : new Set([memberId]);
    this.#call.pause();
    if (this.#backoff.attempts === 0 && this.#fruitless <= 1) {
      this.#backoff.nextMs();
      // When a connection breaks, all its calls end before the picker knows.
      queueMicrotask(() => this.#resumeNow());
      return;
    }
    const delayMs = this.#backoff.nextMs();
    if (clock.monotonicMs() + delayMs >= this.#deadlineMs) {
      this.#lose(`its deadline is too near for another try: ${error.message}`);
      return;
    }
    this.#cancelPause = clock.after(delayMs, () => this.#resumeNow());
  }

  #resumeNow(): void {
    if (this.#over) return;
    if (this.#kept.isWhole) this.#startLeg();
    else this.#lose("its requests are more than are kept to be sent again");
  }

  #lose(why: string): void {
    const { afterSequence } = this.#position;
    const what = `the stream of ${this.#call.path} broke after message ${afterSequence}, and ${why}`;
    this.#finish(endOfError(new FabricError("STREAM_LOST", what)));
  }

  #finish(end: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#settle();
    const trailers = end.trailers.clone();
    if (this.#attempts > 0) trailers.set(HEDDLE_KEYS.attempts, String(this.#attempts));
    if (end.status !== Status.OK) trailers.set(HEDDLE_KEYS.sequence, String(this.#position.afterSequence));
    this.#call.finish({ ...end, trailers });
  }

  #settle(): void {
    this.#over = true;
    this.#cancelPause?.();
    this.#kept.drop();
    this.#hold(0);
  }
}
