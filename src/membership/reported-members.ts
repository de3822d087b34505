/**
 * Members without an agent of ours: somebody registers them, and somebody (they, a script, a REST client) reports their
 * status within `ttlMs`. They are alive from the start, suspect after one `ttlMs` without a report and dead after two; a
 * report brings them back from either. Nobody but us can raise their incarnation, so coming back from the dead does (M2).
 */
import type { Load, MemberIdentity } from "../core/member";
import { duplicate } from "./attach-rules";
import { isSameIdentity } from "./identity";
import type { Step } from "./step";
import { doubt } from "./suspicion";
import { PRESENT, UNKNOWN_LINK, type TrackedMember } from "./tracked-member";

export function register(step: Step, identity: MemberIdentity): void {
  const { roster, options } = step.parts;
  const holder = roster.findReported(identity.label, identity.address) ?? roster.get(identity.memberId);
  if (!holder) {
    const member = step.create(identity, "alive", "registered", options);
    member.lastReportMs = step.nowMs;
    return;
  }
  const isGone = holder.phase.kind === "gone";
  const elsewhere = holder.record.address !== identity.address;
  if (!isGone && (holder.isAttached || (elsewhere && identity.incarnation <= holder.record.incarnation))) {
    const error = duplicate(identity, holder.record);
    step.emit({ kind: "refused", memberId: identity.memberId, sessionId: undefined, error });
    return;
  }
  if (elsewhere) holder.dataLink = UNKNOWN_LINK;
  const incarnation = Math.max(identity.incarnation, holder.record.incarnation + (isGone ? 1 : 0));
  renew(step, holder, "registered again", { ...identity, memberId: holder.memberId, incarnation });
}

export function report(step: Step, member: TrackedMember, load: Load): void {
  if (member.isAttached) return; // its agent knows better
  member.load = load;
  member.lastBeatMs = step.now.monotonicMs;
  member.lastBeatUnixMs = step.now.wallMs;
  const isGone = member.phase.kind === "gone";
  const identity = isGone ? { ...member.record, incarnation: member.record.incarnation + 1 } : undefined;
  renew(step, member, "reported again", identity);
}

/** Suspects a member whose report is overdue. */
export function suspectOverdue(step: Step, member: TrackedMember): void {
  const { liveness } = member.record;
  if (liveness.kind !== "reported") return;
  const silenceMs = step.nowMs - member.lastReportMs;
  if (silenceMs < liveness.ttlMs) return;
  doubt(step, member, "report-overdue", 2 * liveness.ttlMs - silenceMs, `no report for ${Math.round(silenceMs)} ms`);
}

function renew(step: Step, member: TrackedMember, reason: string, identity?: MemberIdentity): void {
  member.lastReportMs = step.nowMs;
  const isNews = member.phase.kind !== "present" || (identity && !isSameIdentity(identity, member.record));
  if (!isNews) return;
  member.phase = PRESENT;
  step.transition(member, "alive", reason, identity);
}
