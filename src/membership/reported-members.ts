/**
 * Members without an agent of ours: somebody registers them, and somebody (they, a script, a REST client) reports their
 * status within `ttlMs`. They are alive from the start, suspect after one `ttlMs` without a report and dead after
 * `deadAfterMs`, or as soon as they report that they are offline; a report brings them back from either. Nobody but us can
 * raise their incarnation, so coming back from the dead does (M2).
 */
import type { MemberIdentity, ReportedLiveness } from "../core/member";
import { duplicate } from "./attach-rules";
import { bury } from "./endings";
import type { EventOf } from "./events";
import { isSameIdentity } from "./identity";
import type { Step } from "./step";
import { doubt } from "./suspicion";
import { PRESENT, UNKNOWN_LINK, type TrackedMember } from "./tracked-member";

export function register(step: Step, { identity, keepAddress = false }: EventOf<"register">): void {
  const { roster, options } = step.parts;
  const holder = roster.findReported(identity.label, identity.address) ?? roster.get(identity.memberId);
  if (!holder) {
    const member = step.create(identity, "alive", "registered", options);
    member.lastReportMs = step.nowMs;
    member.lastBeatUnixMs = step.now.wallMs;
    return;
  }
  const isGone = holder.phase.kind === "gone";
  const elsewhere = holder.record.address !== identity.address;
  const isLive = holder.phase.kind === "present";
  const mayNotMove = elsewhere && ((keepAddress && isLive) || identity.incarnation <= holder.record.incarnation);
  if (!isGone && (holder.isAttached || mayNotMove)) {
    const error = duplicate(identity, holder.record);
    step.emit({ kind: "refused", memberId: identity.memberId, sessionId: undefined, error });
    return;
  }
  if (elsewhere) holder.dataLink = UNKNOWN_LINK;
  holder.lastBeatUnixMs = step.now.wallMs;
  const known = holder.record.incarnation;
  // The same at the same place is no new life.
  const incarnation = isGone || elsewhere ? Math.max(identity.incarnation, known + (isGone ? 1 : 0)) : known;
  renew(step, holder, "registered again", { ...identity, memberId: holder.memberId, incarnation });
}

export function report(step: Step, member: TrackedMember, { load, condition }: EventOf<"report">): void {
  if (member.isAttached) return; // its agent knows better
  if (condition === "offline") return goOffline(step, member);
  member.load = load;
  member.lastBeatMs = step.now.monotonicMs;
  member.lastBeatUnixMs = step.now.wallMs;
  const isGone = member.phase.kind === "gone";
  const { record } = member;
  const isNews = isGone || record.condition !== condition;
  const incarnation = record.incarnation + (isGone ? 1 : 0);
  const reason =
    isGone || member.phase.kind === "suspect" ? "reported again" : `reports ${condition ?? "that it is well"}`;
  renew(step, member, reason, isNews ? { ...record, incarnation, condition } : undefined);
}

/** Its own word, so nobody waits for more. When it was last heard of well stays as it is. */
function goOffline(step: Step, member: TrackedMember): void {
  if (member.phase.kind === "gone") return;
  const reason = "reported that it is offline";
  doubt(step, member, "report-overdue", 0, reason); // M7
  bury(step, member, reason);
}

/** Silence after which it is dead. */
export function deadAfterMs({ ttlMs, deadAfterMs: wanted = 0 }: ReportedLiveness): number {
  return wanted > ttlMs ? wanted : 2 * ttlMs;
}

/** Suspects a member whose report is overdue. */
export function suspectOverdue(step: Step, member: TrackedMember): void {
  const { liveness } = member.record;
  if (liveness.kind !== "reported") return;
  const silenceMs = step.nowMs - member.lastReportMs;
  if (silenceMs < liveness.ttlMs) return;
  doubt(step, member, "report-overdue", deadAfterMs(liveness) - silenceMs, `no report for ${Math.round(silenceMs)} ms`);
}

function renew(step: Step, member: TrackedMember, reason: string, identity?: MemberIdentity): void {
  member.lastReportMs = step.nowMs;
  const isNews = member.phase.kind !== "present" || (identity && !isSameIdentity(identity, member.record));
  if (!isNews) return;
  member.phase = PRESENT;
  step.transition(member, "alive", reason, identity);
}
