import type { Step } from "./step";
import { UNKNOWN_LINK, type TrackedMember } from "./tracked-member";

/** Judged dead, for this incarnation for ever (M2). */
export function bury(step: Step, member: TrackedMember, reason: string): void {
  const { deadTtlMs, reportedDeadTtlMs } = step.parts.options;
  step.closeSession(member, "MEMBER_REMOVED", `${member.memberId} was judged dead: ${reason}`);
  end(member, step.nowMs + (member.isAttached ? deadTtlMs : reportedDeadTtlMs));
  step.transition(member, "dead", reason);
}

/** Gone by its own choice. Its stream is about to end, which is no news. */
export function leave(step: Step, member: TrackedMember, reason: string): void {
  member.session = undefined;
  end(member, step.nowMs + step.parts.options.leftTtlMs);
  step.transition(member, "left", reason);
}

/** An operator's decision. It leaves no trace: a worker that lives attaches again as a new member. */
export function remove(step: Step, member: TrackedMember, reason: string): void {
  step.closeSession(member, "MEMBER_REMOVED", `${member.memberId} was removed: ${reason}`);
  forget(step, member, reason);
}

/** Another director has it now, so its record is not ours to touch. */
export function release(step: Step, member: TrackedMember): void {
  step.closeSession(member, "SESSION_REPLACED", `${member.memberId} is attached to another director`);
  step.parts.roster.remove(member);
}

/** Lets go of a member that is gone once people had the time to see it. */
export function expire(step: Step, member: TrackedMember): void {
  if (member.phase.kind !== "gone" || step.nowMs < member.phase.forgetAtMs) return;
  forget(step, member, `${member.record.state} for long enough`);
}

function forget(step: Step, member: TrackedMember, reason: string): void {
  step.parts.roster.remove(member);
  step.emit({ kind: "forget", memberId: member.memberId, reason });
}

function end(member: TrackedMember, forgetAtMs: number): void {
  member.phase = { kind: "gone", forgetAtMs };
  member.detector = undefined;
  member.dataLink = UNKNOWN_LINK;
}
