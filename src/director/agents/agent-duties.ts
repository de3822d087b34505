import { type AgentRecord } from "../../core/agent";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { agentsMaxOf, isDrained, type MemberRecord } from "../../core/member";
import { PacedTask } from "../../core/paced-task";
import type { Condition, Store } from "../../store/store";
import type { ClusterView } from "../cluster-view";
import { encodeRecord, KEYS } from "../records";
import type { AgentIndex } from "./agent-index";
import { placedAt, unfitReason, unplaced } from "./agent-needs";
import type { AgentPlaces, Reservation } from "./agent-places";
import { planRebalance } from "./rebalance";

export interface AgentDutiesParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Store;
  readonly view: ClusterView;
  readonly index: AgentIndex;
  readonly places: AgentPlaces;
  /** The condition that the term still lasts; `undefined` while another director leads, or nobody. */
  fence(): Condition | undefined;
  /** How often agents are spread anew; 0 for never. */
  readonly rebalanceMs: number;
}

/** How often agents are looked at although nothing has changed: for what is due. */
const LOOK_MS = 1_000;
/** Records written in one turn: as many as a store takes in some tens of milliseconds. */
const STEPS_MAX = 64;
/** Longest that a turn holds up the loop; the rest of the agents are looked at in the next. */
const TURN_MAX_MS = 20;
/** Least time between two turns, for each agent there is: a turn takes a tenth of that. */
const PAUSE_MS_PER_AGENT = 0.01;
/**
 * How long a member may be missing from the record before its agents are placed elsewhere. Its record hung on the lease of a director; a
 * restarted one waits as long for its workers (HEDDLE_REATTACH_GRACE_MS).
 */
const MISSING_MAX_MS = 15_000;
/** For a worker to say that an agent runs, from when it was placed there. Handlers that take longer return first and go on by themselves. */
const START_MAX_MS = 60_000;
/** Pause before an agent that failed is tried again, doubled with each failure in a row. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 } as const;
/** Moves of one round of the rebalancing that goes by itself: each interrupts an agent. */
const REBALANCE_MOVES_MAX = 10;

interface Step {
  readonly before: AgentRecord;
  /** `undefined` deletes it. */
  readonly after: AgentRecord | undefined;
  readonly reservation?: Reservation;
}

/** Since when the leader has seen something. */
interface Seen {
  readonly what: string;
  readonly sinceMs: number;
}

interface Trouble {
  readonly reason: string;
  /** Better where it is than nowhere. */
  readonly mayStay: boolean;
}

/**
 * What the leader does for agents: it places those that wait, and moves those whose member is gone, leaves, is drained, or cannot have them
 * any more. Each write carries the term's fence and is based on the record that it was decided by, so that one of a leader that was replaced
 * and has not noticed does nothing:
 * - L1 an agent whose member was judged dead is placed elsewhere in the turn that follows the verdict; all of many, STEPS_MAX in a turn.
 * - L2 make before break: while its member lives, an agent goes on there until it runs at the new place.
 * - L3 nobody to take it: it is pending, and placed as soon as there is.
 */
export class AgentDuties {
  readonly #parts: AgentDutiesParts;
  readonly #turns: PacedTask;
  /** By agent. */
  readonly #seen = new Map<string, Seen>();
  #term = "";
  /** Agents that are still to be looked at since something changed. */
  #pass: string[] = [];
  /** Something has changed since the pass began. */
  #isPassOld = false;
  #isBusy = false;
  #isDue = false;
  #rebalancedAtMs: number;

  constructor(parts: AgentDutiesParts) {
    this.#parts = parts;
    const { clock, view } = parts;
    this.#rebalancedAtMs = clock.monotonicMs();
    this.#turns = new PacedTask(
      clock,
      () => void this.#turn(),
      () => PAUSE_MS_PER_AGENT * view.agents.size,
    );
    view.onChange((changes) => {
      if (view.agents.size === 0 || !changes.some(({ fact }) => CONCERNS.has(fact.kind))) return;
      this.#isPassOld ||= this.#pass.length > 0;
      this.#turns.soon();
    });
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(LOOK_MS, signal).catch(() => {});
      if (this.#parts.view.agents.size > 0) this.#turns.soon();
    }
    this.#turns.cancel();
  }

  async #turn(): Promise<void> {
    this.#isDue = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      this.#isDue = false;
      await this.#look();
    } catch (error) {
      // What is due is done at the next look, not at once: it may fail again.
      this.#isDue = false;
      this.#parts.logger.error("agents could not be looked after", { reason: messageOf(error) });
    } finally {
      this.#isBusy = false;
      if (this.#isDue) this.#turns.soon();
    }
  }

  async #look(): Promise<void> {
    const { store, view } = this.#parts;
    const term = this.#parts.fence();
    const isAble = term !== undefined && store.isAvailable() && view.loadedRevision !== undefined;
    // What an earlier term saw may be over since.
    const name = JSON.stringify(term);
    if (!isAble || name !== this.#term) this.#seen.clear();
    this.#term = name;
    if (!isAble) return;
    if (this.#pass.length === 0) {
      this.#pass = this.#newPass();
      this.#isPassOld = false;
    }
    const steps = this.#steps();
    // What is written shows as a change; what is refused is tried again at the next look.
    this.#isDue ||= this.#pass.length > 0 || this.#isPassOld;
    for (const name of this.#seen.keys()) if (!view.agents.has(name)) this.#seen.delete(name);
    await this.#take(term, steps);
  }

  async #take(term: Condition, steps: readonly Step[]): Promise<void> {
    const { view, clock } = this.#parts;
    try {
      const revisions = await Promise.all(steps.map((step) => this.#commit(term, step)));
      // The next turn is to know what this one did.
      if (steps.length > 0) await view.caughtUp(Math.max(...revisions), clock);
    } finally {
      for (const { reservation } of steps) reservation?.release();
    }
  }

  async #commit(term: Condition, { before, after }: Step): Promise<number> {
    const { store, view, logger } = this.#parts;
    const key = KEYS.agent(before.name);
    try {
      const { succeeded, revision } = await store.commit({
        conditions: [term, { key, modRevision: view.modRevision(key) }],
        operations: [after ? { kind: "put", key, value: encodeRecord(after) } : { kind: "delete", key }],
      });
      if (succeeded && after) tell(logger, before, after);
      return succeeded ? revision : 0;
    } catch (error) {
      logger.debug("the store did not take an agent's place, trying again", {
        agent: before.name,
        reason: messageOf(error),
      });
      return 0;
    }
  }

  #steps(): Step[] {
    const { view } = this.#parts;
    const steps: Step[] = [];
    const startedMs = this.#parts.clock.monotonicMs();
    while (steps.length < STEPS_MAX) {
      const name = this.#pass.pop();
      if (name === undefined) return steps.length > 0 ? steps : this.#rebalance();
      const record = view.agents.get(name);
      const step = record && this.#next(record);
      if (step) steps.push(step);
      if (this.#parts.clock.monotonicMs() - startedMs >= TURN_MAX_MS) break;
    }
    return steps;
  }

  /** From the last to the first: those that are, or were, somewhere come before those that wait. */
  #newPass(): string[] {
    const records = [...this.#parts.view.agents.values()];
    const [waiting, placed] = [records.filter(isPending), records.filter((record) => !isPending(record))];
    return [...waiting, ...placed].map(({ name }) => name);
  }

  #next(record: AgentRecord): Step | undefined {
    switch (record.state) {
      case "released":
        return { before: record, after: undefined };
      case "pending":
        return this.#place(record, "a member can take it");
      case "failed": {
        const waitMs = Math.min(RETRY.maxMs, RETRY.firstMs * 2 ** Math.min(record.failures - 1, 10));
        if (this.#seenForMs(record, `failed ${record.generation}`) < waitMs) return undefined;
        return this.#place(record, `it failed at ${record.reason}`, record.memberId);
      }
      case "starting":
      case "running": {
        const trouble = this.#trouble(record);
        if (!trouble) return this.#overdue(record);
        const step = this.#place(record, trouble.reason, record.memberId);
        if (step || trouble.mayStay) return step;
        return { before: record, after: unplaced(record, `taken off ${record.memberId}: ${trouble.reason}`) };
      }
    }
  }

  /** A worker that does not say how its agent is has failed to run it. */
  #overdue(record: AgentRecord): Step | undefined {
    if (record.state !== "starting") return undefined;
    if (this.#seenForMs(record, `starting ${record.generation}`) < START_MAX_MS) return undefined;
    const reason = `${record.memberId}: it did not say within ${START_MAX_MS / 1_000} s that it runs`;
    return { before: record, after: { ...record, state: "failed", reason, failures: record.failures + 1 } };
  }

  /** `undefined` when nobody can take it. */
  #place(record: AgentRecord, reason: string, avoid = ""): Step | undefined {
    const { places, clock } = this.#parts;
    const reservation = places.reserve(record.name, record, avoid);
    if (!reservation) return undefined;
    return { before: record, after: this.#placed(record, reservation.record, reason, clock), reservation };
  }

  #placed(record: AgentRecord, { memberId, liveness }: MemberRecord, reason: string, clock: Clock): AgentRecord {
    const keep = this.#isThere((record.previous ?? record).memberId);
    const nowUnixMs = Math.floor(clock.wallMs());
    return placedAt(record, { memberId, isReported: liveness.kind === "reported" }, { reason, nowUnixMs, keep });
  }

  #isThere(memberId: string): boolean {
    const state = this.#parts.view.members.get(memberId)?.state;
    return state !== undefined && state !== "dead" && state !== "left";
  }

  /** Why the agent cannot stay where it is. */
  #trouble(record: AgentRecord): Trouble | undefined {
    const { view } = this.#parts;
    const { memberId } = record;
    const member = view.members.get(memberId);
    const gone = (reason: string) => ({ reason: `${memberId} ${reason}`, mayStay: false });
    if (!member) {
      const removal = view.removals.get(memberId);
      if (removal && removal.atUnixMs >= record.assignedAtUnixMs) return gone(`was removed: ${removal.reason}`);
      const isLate = this.#seenForMs(record, `missing ${memberId}`) >= MISSING_MAX_MS;
      return isLate ? gone(`has not been seen for ${MISSING_MAX_MS / 1_000} s`) : undefined;
    }
    this.#forget(record, `missing ${memberId}`);
    const { state, stateReason } = member;
    if (state === "dead") return gone(`was judged dead: ${stateReason}`);
    if (state === "left") return gone(`left: ${stateReason}`);
    if (state === "draining") return gone(`is leaving: ${stateReason}`);
    const intent = view.intent(memberId);
    if (isDrained(intent)) return gone(`is in ${intent.kind}${intent.reason && `: ${intent.reason}`}`);
    const unfit = unfitReason(member, record);
    if (unfit !== "") return gone(`cannot have it any more: ${unfit}`);
    return this.#isSurplus(record, member)
      ? { reason: `${memberId} has more agents than it takes`, mayStay: true }
      : undefined;
  }

  /** Two directors may have filled the last place of a member at the same moment: the later by name goes. */
  #isSurplus(record: AgentRecord, member: MemberRecord): boolean {
    const { index } = this.#parts;
    const max = agentsMaxOf(member);
    const names = index.of(member.memberId);
    if (max === 0 || names.size <= max || record.previous) return false;
    return [...names].sort().indexOf(record.name) >= max;
  }

  #seenForMs({ name }: AgentRecord, what: string): number {
    const nowMs = this.#parts.clock.monotonicMs();
    const seen = this.#seen.get(name);
    if (seen?.what === what) return nowMs - seen.sinceMs;
    this.#seen.set(name, { what, sinceMs: nowMs });
    return 0;
  }

  #forget({ name }: AgentRecord, what: string): void {
    if (this.#seen.get(name)?.what === what) this.#seen.delete(name);
  }

  #rebalance(): Step[] {
    const { clock, view, index, places, rebalanceMs } = this.#parts;
    if (rebalanceMs === 0 || clock.monotonicMs() - this.#rebalancedAtMs < rebalanceMs) return [];
    this.#rebalancedAtMs = clock.monotonicMs();
    return planRebalance(view, index, REBALANCE_MOVES_MAX).map(({ record, to, reason }) => {
      const reservation = places.reserveAt(to.memberId);
      const after = this.#placed(record, to, reason, clock);
      return { before: record, after, ...(reservation && { reservation }) };
    });
  }
}

function isPending({ state }: AgentRecord): boolean {
  return state === "pending";
}

const CONCERNS: ReadonlySet<string> = new Set(["agent", "member", "intent", "removal", "leader"]);

function tell(logger: Logger, before: AgentRecord, after: AgentRecord): void {
  const { name, reason } = after;
  if (after.memberId === "") logger.warn(`🧩 agent ${name} waits: ${after.reason}`);
  else if (before.memberId === "") logger.info(`🧩 agent ${name} is placed on ${after.memberId}`);
  else if (before.memberId !== after.memberId)
    logger.info(`🧩 agent ${name} moves from ${before.memberId} to ${after.memberId}`, { reason });
}
