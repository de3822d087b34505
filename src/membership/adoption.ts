import type { MemberRecord, ReportedLiveness } from "../core/member";
import { deadAfterMs } from "./reported-members";
import type { Step } from "./step";
import { doubt } from "./suspicion";
import { TrackedMember, type Phase } from "./tracked-member";

/**
 * Takes over a record that an earlier life of this director wrote. Its worker has no stream to us yet, so it is suspect until
 * it attaches again within `reattachGraceMs`; a member that reports just goes on, its time counted from now.
 */
export function adopt(step: Step, found: MemberRecord): void {
  const { roster, options, attention, directorId } = step.parts;
  if (roster.get(found.memberId)) return; // it attached before we got to its record, and knows better
  const record = { ...found, homeDirectorId: directorId };
  const member = new TrackedMember(record, options.heartbeatIntervalMs, attention);
  member.isDraining = found.state === "draining";
  roster.add(member);
  step.touch(member);
  if (found.state === "dead" || found.state === "left") {
    member.phase = gonePhase(step, member);
  } else if (found.liveness.kind === "attached") {
    doubt(step, member, "adopted", options.reattachGraceMs, `waiting for it to attach again to ${directorId}`);
  } else {
    adoptReported(step, member, found.liveness);
  }
}

function adoptReported(step: Step, member: TrackedMember, liveness: ReportedLiveness): void {
  member.lastReportMs = step.nowMs;
  const patienceMs = deadAfterMs(liveness) - liveness.ttlMs;
  if (member.record.state === "suspect") doubt(step, member, "report-overdue", patienceMs, member.record.stateReason);
}

function gonePhase(step: Step, member: TrackedMember): Phase {
  const { deadTtlMs, reportedDeadTtlMs, leftTtlMs } = step.parts.options;
  const deadForMs = member.isAttached ? deadTtlMs : reportedDeadTtlMs;
  return { kind: "gone", forgetAtMs: step.nowMs + (member.record.state === "left" ? leftTtlMs : deadForMs) };
}
