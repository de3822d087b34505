/**
 * Who is in the cluster and who is alive, for the members whose home is this director. Pure: events and the time go in,
 * changes come out; the director carries them out (store, sessions, probes, picker).
 *
 *   joining ──data link up──> alive <──sign of life / doubt──> suspect ──verdict──> dead ──deadTtlMs──> forgotten
 *      └──────── Draining ─────┴──> draining ──Goodbye──> left ──leftTtlMs──> forgotten
 *
 * A draining member that falls silent is suspect too, and draining again when it recovers. *left* is chosen, *dead* is
 * judged. Operator intent is not looked at here: it is a record of its own, which no beat can change.
 *
 * - M1 The incarnation of a member never falls; only the worker raises it (for members without an agent, see
 *   reported-members.ts).
 * - M2 dead and left are final for an incarnation.
 * - M3 A member has at most one current session; what comes on another changes nothing.
 * - M4 ready means: alive, serving, on a session (unless it only reports), with its data link up.
 * - M5 Silence while the director itself did not run is held against nobody, and nobody is declared dead while the director
 *   may not have read what it was sent, or lost so many at once that the fault is likelier its own.
 * - M6 Every suspect ends: with a sign of life, or dead at its deadline.
 * - M7 Nobody is dead without having been suspect, if only within one step.
 * - M8 A refused attach or registration changes nothing.
 * - M9 A beat that brings no news makes no changes and no garbage.
 * - M10 Every new record is exactly one `transition`.
 */
import type { MemberState } from "../core/member";
import type { Random } from "../core/random";
import { adopt } from "./adoption";
import {
  applyAttach,
  applyBeat,
  applyDataLink,
  applyDraining,
  applyGoodbye,
  applyStreamBroken,
  takeSteadyBeat,
} from "./attached-members";
import { expire, release, remove } from "./endings";
import { NO_CHANGES, type Change, type EventOf, type Instant, type MembershipEvent, type MemberView } from "./events";
import { EvictionFreeze } from "./eviction-freeze";
import type { MembershipOptions } from "./membership-options";
import { ProbeIds } from "./probe-ids";
import { register, report, suspectOverdue } from "./reported-members";
import { Roster } from "./roster";
import { Attention } from "./self-suspicion";
import { Step, type MembershipParts } from "./step";
import { applyProbed, investigate, judge, suspectSilent } from "./suspicion";
import type { TrackedMember } from "./tracked-member";

export interface MembershipSetup {
  /** Becomes `homeDirectorId` of every record. */
  readonly directorId: string;
  /** Chooses who is asked to probe. */
  readonly random: Random;
  /** See `membershipDefaults`. */
  readonly options: MembershipOptions;
}

export class Membership {
  readonly #parts: MembershipParts;
  readonly #roster = new Roster();

  constructor({ directorId, random, options }: MembershipSetup) {
    this.#parts = {
      directorId,
      random,
      options,
      roster: this.#roster,
      attention: new Attention({ ...options, holdMaxMs: 3 * options.stallGraceMs }),
      freeze: new EvictionFreeze({
        lossWindowMs: options.heartbeatIntervalMs,
        lossRatio: options.lossRatio,
        lossMin: options.lossMin,
        freezeMs: options.suspectTimeoutMs,
      }),
      probeIds: new ProbeIds(),
    };
  }

  /** Applies one event. The changes are to be carried out in their order, before the next event's. Does not throw. */
  apply(event: MembershipEvent, now: Instant): readonly Change[] {
    const attentiveMs = this.#parts.attention.observe(now.monotonicMs, event.kind === "tick");
    if (event.kind === "beat" && takeSteadyBeat(this.#parts, event, now, attentiveMs)) return NO_CHANGES;
    const step = new Step(this.#parts, now, attentiveMs);
    this.#dispatch(step, event);
    return step.finish();
  }

  get(memberId: string): MemberView | undefined {
    return this.#roster.get(memberId);
  }

  /** In order of arrival, the suspect and the gone included. */
  members(): Iterable<MemberView> {
    return this.#roster.values();
  }

  /** The member that a registration with this label and address is (liveness `reported` only). */
  findReported(label: string, address: string): MemberView | undefined {
    return this.#roster.findReported(label, address);
  }

  get size(): number {
    return this.#roster.size;
  }

  get countByState(): Readonly<Record<MemberState, number>> {
    return this.#roster.countByState;
  }

  #dispatch(step: Step, event: MembershipEvent): void {
    switch (event.kind) {
      case "attach":
        return applyAttach(step, event);
      case "beat":
        return applyBeat(step, event);
      case "stream-broken":
        return applyStreamBroken(step, event);
      case "data-link":
        return applyDataLink(step, event);
      case "draining":
        return applyDraining(step, event);
      case "goodbye":
        return applyGoodbye(step, event);
      case "probed":
        return applyProbed(step, event);
      case "register":
        return register(step, event);
      case "adopt":
        return adopt(step, event.record);
      case "tick":
        return this.#tick(step);
      case "report":
      case "remove":
      case "release":
        return this.#applyToKnown(step, event);
    }
  }

  /** Events that need nothing but a member to be about. An unknown one is no error: it may have been forgotten just now. */
  #applyToKnown(step: Step, event: EventOf<"report" | "remove" | "release">): void {
    const member = this.#roster.get(event.memberId);
    if (!member) return;
    if (event.kind === "report") report(step, member, event);
    else if (event.kind === "remove") remove(step, member, event.reason);
    else release(step, member);
  }

  #tick(step: Step): void {
    const silent: TrackedMember[] = [];
    const mayJudge = !this.#parts.attention.isHolding(step.nowMs); // M5
    for (const member of this.#roster.values()) {
      if (member.phase.kind === "gone") expire(step, member);
      else if (!mayJudge) continue;
      else if (member.phase.kind === "suspect") judge(step, member);
      else if (!member.isAttached) suspectOverdue(step, member);
      else if (member.isSilent(step.nowMs)) silent.push(member);
    }
    // All first, then the questions: so that nobody is asked who is silent too, and a mass loss is seen as one.
    for (const member of silent) suspectSilent(step, member);
    for (const member of silent) investigate(step, member);
  }
}
