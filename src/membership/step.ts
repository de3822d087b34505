import { FabricError, type ErrorCode } from "../core/errors";
import type { MemberIdentity, MemberRecord, MemberState } from "../core/member";
import type { Random } from "../core/random";
import { NO_CHANGES, type Change, type Instant } from "./events";
import type { EvictionFreeze } from "./eviction-freeze";
import type { MembershipOptions } from "./membership-options";
import type { ProbeIds } from "./probe-ids";
import type { Roster } from "./roster";
import type { Attention } from "./self-suspicion";
import { TrackedMember } from "./tracked-member";

/** What the rules share, for as long as the director lives. */
export interface MembershipParts {
  readonly directorId: string;
  readonly random: Random;
  readonly options: MembershipOptions;
  readonly roster: Roster;
  readonly attention: Attention;
  readonly freeze: EvictionFreeze;
  readonly probeIds: ProbeIds;
}

/** The application of one event: its time, and the changes that it makes. */
export class Step {
  readonly parts: MembershipParts;
  readonly now: Instant;
  /** Attentive time: what every deadline is compared with. */
  readonly nowMs: number;
  readonly #changes: Change[] = [];
  readonly #touched = new Set<TrackedMember>();

  constructor(parts: MembershipParts, now: Instant, attentiveMs: number) {
    this.parts = parts;
    this.now = now;
    this.nowMs = attentiveMs;
  }

  /** All changes of this step; to be called once, at its end. */
  finish(): readonly Change[] {
    for (const member of this.#touched) this.#publishReadiness(member);
    return this.#changes.length === 0 ? NO_CHANGES : this.#changes;
  }

  emit(change: Change): void {
    this.#changes.push(change);
  }

  /** Something that decides whether the member may be picked has changed. */
  touch(member: TrackedMember): void {
    this.#touched.add(member);
  }

  /** M5: nobody is declared dead while what they sent may be unread, or while so many are lost that it is more likely us. */
  mayEvict(): boolean {
    return !this.parts.attention.isHolding(this.nowMs) && !this.parts.freeze.isFrozen(this.nowMs);
  }

  /** A member that is new to this director; `stored` is what another one wrote of it. */
  create(
    identity: MemberIdentity,
    state: MemberState,
    reason: string,
    options: { readonly heartbeatIntervalMs: number; readonly stored?: MemberRecord | undefined },
  ): TrackedMember {
    const record: MemberRecord = {
      ...identity,
      state,
      stateReason: reason,
      stateSinceUnixMs: this.now.wallMs,
      joinedAtUnixMs: options.stored?.joinedAtUnixMs ?? this.now.wallMs,
      homeDirectorId: this.parts.directorId,
    };
    const member = new TrackedMember(record, options.heartbeatIntervalMs, this.parts.attention);
    this.parts.roster.add(member);
    this.emit({ kind: "transition", memberId: record.memberId, from: options.stored?.state, record, reason });
    this.touch(member);
    return member;
  }

  /** M10: every new record is exactly one transition. */
  transition(member: TrackedMember, state: MemberState, reason: string, identity?: MemberIdentity): void {
    const from = member.record.state;
    const record: MemberRecord = {
      ...member.record,
      ...identity,
      state,
      stateReason: reason,
      stateSinceUnixMs: from === state ? member.record.stateSinceUnixMs : this.now.wallMs,
    };
    this.parts.roster.replaceRecord(member, record);
    this.emit({ kind: "transition", memberId: record.memberId, from, record, reason });
    this.touch(member);
  }

  /** M3: from here on nothing that arrives on the session counts. */
  closeSession(member: TrackedMember, code: ErrorCode, message: string): void {
    if (!member.session) return;
    this.#close(member.memberId, member.session.id, code, message);
    member.session = undefined;
  }

  /** Answers a message on a session that is nobody's, so that its worker notices and attaches again. */
  closeStraySession(memberId: string, sessionId: string, member: TrackedMember | undefined): void {
    if (member?.session) this.#close(memberId, sessionId, "SESSION_REPLACED", `${memberId} has a newer Attach stream`);
    else
      this.#close(
        memberId,
        sessionId,
        "MEMBER_REMOVED",
        `${memberId} has no Attach stream here any more: attach again`,
      );
  }

  #publishReadiness(member: TrackedMember): void {
    if (this.parts.roster.get(member.memberId) !== member) return; // forgotten, which says it all
    const { published } = member;
    const reason = member.notReadyReason;
    const current = { ready: reason === "", serving: member.serving, dataLinkUp: member.dataLinkUp, reason };
    if (
      current.ready === published.ready &&
      current.serving === published.serving &&
      current.dataLinkUp === published.dataLinkUp &&
      current.reason === published.reason
    ) {
      return;
    }
    member.published = current;
    this.emit({ kind: "readiness", memberId: member.memberId, ...current });
  }

  #close(memberId: string, sessionId: string, code: ErrorCode, message: string): void {
    this.emit({ kind: "close-session", memberId, sessionId, error: new FabricError(code, message) });
  }
}
