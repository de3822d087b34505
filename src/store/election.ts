/*
 * One leader among the directors, decided through the store.
 *
 * Keys under `prefix`:
 *   candidates/<directorId>  who may lead, under the candidate's session
 *   leader                   who leads, under the leader's session
 *   successor                whom a departing leader chose, under its own session until then
 *
 * Stages of one candidacy, which lasts as long as one session: open a session → register → watch → campaign whenever there is
 * no leader → lead → the session ends → begin again with a new one.
 *
 * - E1: there is one `leader` key, created only when it does not exist. Its createRevision is the term's epoch; epochs rise.
 * - E2: one becomes leader by *seeing* one's own key in the watch, never by an answer: an answer can get lost.
 * - E3: a term ends before the store can give the key to another: with the session, which fences itself, or before the key is
 *   given up.
 * - E4: a write of a leader whose term is over, and who has not noticed, does nothing: it carries the term's fence.
 * - E5: a candidacy never outlives its session, so nobody leads by a key that is gone.
 * - E6: while a successor is named, others hold back, for `handoverMs` at most.
 */
import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import { LeadershipView } from "./leadership-view";
import type { Condition, Operation, Session, Store } from "./store";

export interface Candidate {
  readonly directorId: string;
  /** Where the director is reached, for clients and other directors. */
  readonly address: string;
}

export interface Leader extends Candidate {
  /** The directorship's fencing token: rises with every term. */
  readonly epoch: number;
}

/** The time during which this director leads. */
export interface Term {
  readonly epoch: number;
  /** Belongs into every write that only a leader may do (E4). */
  readonly fence: Condition;
  /** Aborts when the term ends, before another can begin. */
  readonly ended: AbortSignal;
  /** Whether the term still lasts; asks the clock, so it is right even after this process stood still. */
  isCurrent(): boolean;
}

export interface ElectionState {
  /** Who leads, as far as is known. */
  readonly leader: Leader | undefined;
  /** Set while it is this director that leads. */
  readonly term: Term | undefined;
}

export interface ElectionOptions {
  readonly store: Store;
  readonly candidate: Candidate;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Default "election/". */
  readonly prefix?: string;
  /** After a leader dies, how long until another one leads, at most (and a little). Default 6,000; 1,000 or more. */
  readonly ttlMs?: number;
  /** How long the others leave the field to a named successor. Default 2,000. */
  readonly handoverMs?: number;
}

/** Takes part in the election of the leader, from `start` to `stop`. */
export class Election {
  readonly #options: Required<ElectionOptions>;
  readonly #stopped = new AbortController();
  readonly #listeners = new Set<() => void>();
  #state: ElectionState = { leader: undefined, term: undefined };
  #candidacy: Candidacy | undefined;
  #running: Promise<void> = Promise.resolve();

  static start(options: ElectionOptions): Election {
    const election = new Election(options);
    election.#running = election.#run();
    return election;
  }

  private constructor(options: ElectionOptions) {
    this.#options = { prefix: "election/", ttlMs: 6_000, handoverMs: 2_000, ...options };
  }

  /** Who leads, as last seen; undefined when nobody does, or nothing is known. */
  leader(): Leader | undefined {
    return this.#state.leader;
  }

  /** This director's term; undefined when it does not lead now. */
  term(): Term | undefined {
    const { term } = this.#state;
    return term?.isCurrent() ? term : undefined;
  }

  isLeader(): boolean {
    return this.term() !== undefined;
  }

  /** The condition for every write that only the leader may do. Throws LEADER_UNAVAILABLE when this is not the leader. */
  fence(): Condition {
    return this.#currentTerm().fence;
  }

  /** The state now, and after every change; of several changes at once only the last. Ends with `signal` or `stop`. */
  async *states(signal: AbortSignal): AsyncIterable<ElectionState> {
    const ended = AbortSignal.any([signal, this.#stopped.signal]);
    let wake = () => {};
    const onChange = () => wake();
    this.#listeners.add(onChange);
    ended.addEventListener("abort", onChange);
    try {
      for (let last: ElectionState | undefined; !ended.aborted;) {
        if (last === this.#state) await new Promise<void>((resolve) => (wake = resolve));
        if (last === this.#state || ended.aborted) continue;
        last = this.#state;
        yield last;
      }
    } finally {
      this.#listeners.delete(onChange);
      ended.removeEventListener("abort", onChange);
    }
  }

  /** The directors that take part, as last seen, by id. */
  candidates(): readonly Candidate[] {
    return this.#candidacy?.view.candidates() ?? [];
  }

  /**
   * Gives up the lead without naming a successor; another candidate takes it. With no other, this one leads again after
   * `handoverMs`. Rejects with LEADER_UNAVAILABLE when this is not the leader.
   */
  async resign(): Promise<void> {
    await this.#handOver(undefined);
  }

  /**
   * Hands the lead to another director, which takes a round trip or two. Resolves to the new leader; rejects with
   * LEADER_UNAVAILABLE when this is not the leader, when the other does not take part, or when it does not take over within
   * `handoverMs`. Handing over to oneself changes nothing.
   */
  async transferTo(directorId: string): Promise<Leader> {
    const { epoch } = this.#currentTerm();
    if (directorId === this.#options.candidate.directorId) return this.#state.leader!;
    await this.#handOver(directorId);
    return this.#nextLeader(epoch, directorId);
  }

  /** Leaves the election; a leader resigns. Twice is once. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error("The election was stopped."));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, logger } = this.#options;
    const backoff = new Backoff({ initialMs: 100, maxMs: 2_000 }, random);
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#stand(() => backoff.reset());
      } catch (error) {
        logger.warn("cannot take part in the election", { error: messageOf(error) });
      }
      await clock.sleep(backoff.nextMs(), this.#stopped.signal).catch(() => {});
    }
  }

  /** One candidacy, from its session's start to its end (E5). */
  async #stand(onRegistered: () => void): Promise<void> {
    const { store, ttlMs } = this.#options;
    const session = await store.openSession({ ttlMs });
    const candidacy = new Candidacy(this.#options, session, (state) => this.#publish(state));
    this.#candidacy = candidacy;
    try {
      await candidacy.run(this.#stopped.signal, onRegistered);
    } finally {
      this.#candidacy = undefined;
      candidacy.endTerm();
      await session.close();
    }
  }

  #publish(state: ElectionState): void {
    if (state.leader?.epoch === this.#state.leader?.epoch && state.term === this.#state.term) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  async #handOver(successor: string | undefined): Promise<void> {
    this.#currentTerm();
    await this.#candidacy!.handOver(successor);
  }

  async #nextLeader(afterEpoch: number, directorId: string): Promise<Leader> {
    const { clock, handoverMs } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(handoverMs, () => late.abort());
    try {
      for await (const { leader } of this.states(late.signal)) {
        if (!leader || leader.epoch <= afterEpoch) continue;
        if (leader.directorId === directorId) return leader;
        throw unavailable(`${leader.directorId} took the lead before ${directorId} did`);
      }
    } finally {
      cancel();
    }
    throw unavailable(`${directorId} did not take over within ${handoverMs} ms; the others may lead now`);
  }

  #currentTerm(): Term {
    const term = this.term();
    if (term) return term;
    const leader = this.leader();
    throw unavailable(`${this.#options.candidate.directorId} does not lead; ${leader?.directorId ?? "nobody"} does`);
  }
}

/** One session's part in the election. */
class Candidacy {
  readonly view: LeadershipView;
  readonly #options: Required<ElectionOptions>;
  readonly #session: Session;
  readonly #publish: (state: ElectionState) => void;
  #term: { readonly term: Term; readonly end: () => void } | undefined;
  /** Until when, on the monotonic clock, this candidate leaves the field to others (E6). */
  #holdBackUntilMs = -Infinity;
  /** Until the watch shows a leader. */
  #campaigning: AbortController | undefined;
  #leaderlessSinceMs: number | undefined;
  /** The epoch that was handed over. Its key may show for a moment longer, but its term does not begin again (E3). */
  #givenUpEpoch: number | undefined;

  constructor(options: Required<ElectionOptions>, session: Session, publish: (state: ElectionState) => void) {
    this.#options = options;
    this.#session = session;
    this.#publish = publish;
    this.view = new LeadershipView(options.prefix);
  }

  /** Runs until `stopped` aborts, the session is lost, or the store refuses. */
  async run(stopped: AbortSignal, onRegistered: () => void): Promise<void> {
    const { store, prefix, candidate } = this.#options;
    const over = AbortSignal.any([stopped, this.#session.lost]);
    // At once, not when the watch notices (E3).
    over.addEventListener("abort", () => this.endTerm(), { once: true });
    await store.put(this.view.candidateKey(candidate.directorId), encode(candidate), this.#session);
    onRegistered();
    for await (const event of store.watch(prefix, over)) {
      this.view.apply(event);
      this.#settle(over);
    }
  }

  /** Gives up the lead; see Election. */
  async handOver(successor: string | undefined): Promise<void> {
    const { store, candidate, clock, handoverMs } = this.#options;
    if (!this.#term) throw unavailable(`${candidate.directorId} does not lead`);
    const { fence, epoch } = this.#term.term;
    const conditions: Condition[] = [fence];
    const operations: Operation[] = [{ kind: "delete", key: this.view.leaderKey }];
    if (successor !== undefined) {
      const successorRevision = this.view.candidateRevision(successor);
      if (successorRevision === undefined) throw unavailable(`${successor} does not take part in the election`);
      // Still there when the lead is given up, or it would be given to nobody.
      conditions.push({ key: this.view.candidateKey(successor), createRevision: successorRevision });
      operations.push({ kind: "put", key: this.view.successorKey, value: encode(successor), session: this.#session });
    }
    this.#holdBackUntilMs = clock.monotonicMs() + handoverMs;
    // First: the successor may lead before the answer is here (E3).
    this.#givenUpEpoch = epoch;
    this.endTerm();
    try {
      const { succeeded } = await store.commit({ conditions, operations });
      if (!succeeded) throw unavailable("the lead, or the successor, was lost meanwhile");
    } catch (error) {
      // Whether the lead is still ours is not known here, and the term is over anyway: leave the field, whatever holds.
      await this.#session.close();
      throw error;
    }
  }

  endTerm(): void {
    this.#term?.end();
    this.#term = undefined;
    this.#publish({ leader: this.view.leader(), term: undefined });
  }

  /** Brings the term in line with what the watch shows, and campaigns where nobody leads. */
  #settle(over: AbortSignal): void {
    const { candidate, clock, logger } = this.#options;
    const leader = this.view.leader();
    const isMine = leader?.directorId === candidate.directorId && this.view.leaderLease() === this.#session.leaseId;
    if (this.#term && this.#term.term.epoch !== leader?.epoch) this.endTerm();
    if (isMine && !this.#term && leader.epoch !== this.#givenUpEpoch && this.#session.isAlive()) {
      this.#term = beginTerm(leader.epoch, this.view.leaderKey, this.#session);
      logger.info("this director leads", { epoch: leader.epoch });
    }
    this.#publish({ leader, term: this.#term?.term });
    if (leader) {
      this.#campaigning?.abort();
      this.#campaigning = undefined;
      this.#leaderlessSinceMs = undefined;
      return;
    }
    this.#leaderlessSinceMs ??= clock.monotonicMs();
    this.#campaignInTurn(over);
  }

  /** Campaigns, now or when those whose turn is first have had their time (E6). */
  #campaignInTurn(over: AbortSignal): void {
    const { candidate, clock, handoverMs } = this.#options;
    if (over.aborted || this.#leaderlessSinceMs === undefined || this.#campaigning) return;
    const successor = this.view.successor();
    let turnMs = this.#holdBackUntilMs;
    if (successor === candidate.directorId) turnMs = -Infinity;
    else if (successor !== undefined) turnMs = this.#leaderlessSinceMs + handoverMs;
    const waitMs = turnMs - clock.monotonicMs();
    if (waitMs <= 0) {
      void this.#campaign(over);
      return;
    }
    clock.sleep(waitMs, over).then(
      () => this.#campaignInTurn(over),
      () => {},
    );
  }

  /** Tries to create the leader key (E1), again and again while nobody leads. The watch tells what became of it (E2). */
  async #campaign(over: AbortSignal): Promise<void> {
    const campaigning = new AbortController();
    this.#campaigning = campaigning;
    const ended = AbortSignal.any([over, campaigning.signal]);
    const { store, candidate, clock, random, logger } = this.#options;
    const backoff = new Backoff({ initialMs: 100, maxMs: 1_000 }, random);
    while (!ended.aborted) {
      try {
        await store.commit({
          conditions: [{ key: this.view.leaderKey, createRevision: 0 }],
          operations: [
            {
              kind: "put",
              key: this.view.leaderKey,
              value: encode({ ...candidate, leaseId: this.#session.leaseId }),
              session: this.#session,
            },
            { kind: "delete", key: this.view.successorKey },
          ],
        });
      } catch (error) {
        logger.debug("a campaign failed", { error: messageOf(error) });
      }
      // The watch usually shows the outcome long before.
      await clock.sleep(backoff.nextMs(), ended).catch(() => {});
    }
  }
}

function beginTerm(epoch: number, leaderKey: string, session: Session) {
  const ended = new AbortController();
  const term: Term = {
    epoch,
    fence: { key: leaderKey, createRevision: epoch },
    ended: ended.signal,
    isCurrent: () => !ended.signal.aborted && session.isAlive(),
  };
  return { term, end: () => ended.abort(new Error(`The term ${epoch} is over.`)) };
}

function unavailable(why: string): FabricError {
  return new FabricError("LEADER_UNAVAILABLE", `${why}.`);
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
