/**
 * From the first doubt to the verdict.
 *
 *   present ──doubt──> suspect ──a sign of life──> present
 *                         └──unreachable, or past its deadline──> dead
 *
 * A doubt is a broken stream, or silence. It takes the member out of the picks at once; whether it dies is decided with
 * the help of others: k members try its data address (SWIM, Das et al. 2002), and so does our own data connection. If none
 * of them can reach it, it is dead. If one can, it has until its deadline to attach or to beat again (M6).
 */
import { bury } from "./endings";
import type { MemberIdentity } from "../core/member";
import type { EventOf } from "./events";
import type { Step } from "./step";
import { PRESENT, type SuspicionCause, type TrackedMember } from "./tracked-member";

/** Makes a present member suspect (M7). `investigate` follows, once all who are lost in the same step are known. */
export function doubt(
  step: Step,
  member: TrackedMember,
  cause: SuspicionCause,
  patienceMs: number,
  reason: string,
): void {
  const { roster, freeze } = step.parts;
  member.phase = { kind: "suspect", cause, deadlineMs: step.nowMs + patienceMs, probes: { kind: "not-asked" } };
  if (member.record.state !== "suspect") step.transition(member, "suspect", reason);
  const isLoss = cause === "silence" || cause === "stream-broken";
  if (isLoss) freeze.noteLoss(step.nowMs, roster.beatingCount);
}

export function suspectSilent(step: Step, member: TrackedMember): void {
  const { suspectTimeoutMs, heartbeatIntervalMs } = step.parts.options;
  // Who beats more slowly than we ask for may also be silent for longer.
  const patienceMs = suspectTimeoutMs * Math.max(1, member.heartbeatIntervalMs / heartbeatIntervalMs);
  const silenceMs = Math.round(step.nowMs - (member.detector?.lastMs ?? step.nowMs));
  doubt(step, member, "silence", patienceMs, `no beat for ${silenceMs} ms`);
}

/** The stream of a member ended without Goodbye, or had to be closed. */
export function breakStream(step: Step, member: TrackedMember, reason: string): void {
  member.session = undefined;
  if (member.phase.kind === "suspect") {
    // Silent before, and now cut off: no second chance beyond the deadline it has, but a fresh look.
    judge(step, member);
    return;
  }
  doubt(step, member, "stream-broken", step.parts.options.reattachGraceMs, `Attach stream broke: ${reason}`);
  investigate(step, member);
}

/** A sign of life of a suspect. */
export function recover(step: Step, member: TrackedMember, reason: string, identity?: MemberIdentity): void {
  member.phase = PRESENT;
  step.transition(member, member.isDraining ? "draining" : "alive", reason, identity);
}

/** Asks others about a suspect, and judges it if nobody can be asked. */
export function investigate(step: Step, member: TrackedMember): void {
  askOthers(step, member);
  judge(step, member);
}

export function applyProbed(step: Step, event: EventOf<"probed">): void {
  const member = step.parts.roster.get(event.memberId);
  if (!member || member.phase.kind !== "suspect") return;
  const { probes } = member.phase;
  if (probes.kind !== "waiting" || probes.probeId !== event.probeId) return;
  if (!probes.waitingFor.delete(event.via)) return;
  if (event.reachable) member.phase.probes = { kind: "reachable", via: event.via };
  else if (probes.waitingFor.size === 0) member.phase.probes = { kind: "unreachable", asked: probes.asked };
  judge(step, member);
}

/** Declares a suspect dead when nothing speaks for it any more, or its time is over. */
export function judge(step: Step, member: TrackedMember): void {
  const { phase } = member;
  if (phase.kind !== "suspect" || !step.mayEvict()) return; // M5
  if (step.nowMs >= phase.deadlineMs) {
    bury(step, member, `${member.record.stateReason}; no sign of life within its time`); // M6
    return;
  }
  if (phase.cause === "adopted" || phase.cause === "report-overdue") return; // only the deadline judges these
  if (phase.probes.kind === "waiting" && step.nowMs >= phase.probes.deadlineMs) {
    phase.probes = { kind: "unreachable", asked: phase.probes.asked };
  }
  if (phase.probes.kind === "waiting" || phase.probes.kind === "reachable") return;
  if (member.dataLink.kind !== "down") return; // it answers on the path that carries the work, or we have not tried it yet
  if (phase.probes.kind === "not-asked" && askOthers(step, member)) return;
  const asked = phase.probes.kind === "unreachable" ? phase.probes.asked : [];
  const witnesses = asked.length > 0 ? `unreachable through ${asked.join(", ")}` : "nobody else could be asked";
  bury(step, member, `${member.record.stateReason}; ${witnesses}; data connection is down: ${member.dataLink.reason}`);
}

/** Starts a round of indirect probes. False when there is nobody to ask. */
function askOthers(step: Step, member: TrackedMember): boolean {
  const { options, roster, random, freeze } = step.parts;
  if (member.phase.kind !== "suspect") return false;
  // A mass loss would make k probes for each: a storm, at the moment when no verdict can follow anyway.
  if (freeze.isFrozen(step.nowMs)) return false;
  const witnesses = roster.sample(options.probeFanout, random, (other) => isWitness(other, step.nowMs));
  const asked = witnesses.map((other) => other.memberId);
  if (asked.length === 0) return false;
  const probeId = step.parts.probeIds.next();
  const deadlineMs = step.nowMs + options.probeTimeoutMs;
  member.phase.probes = { kind: "waiting", probeId, asked, waitingFor: new Set(asked), deadlineMs };
  const { address } = member.record;
  const { memberId } = member;
  step.emit({ kind: "probe", memberId, address, probeId, via: asked, timeoutMs: options.probeTimeoutMs });
  return true;
}

/** Alive, so no suspect, with a stream on which it can be asked, and not silent itself. */
function isWitness(other: TrackedMember, nowMs: number): boolean {
  if (other.record.state !== "alive" || !other.session) return false;
  return !other.isSilent(nowMs);
}
