/** What workers say on their Attach streams, and what becomes of the streams. */
import { NO_LOAD, type MemberIdentity, type MemberRecord, type MemberState } from "../core/member";
import { admit, localHolder, remoteHolder } from "./attach-rules";
import { leave } from "./endings";
import type { EventOf, Instant } from "./events";
import { isSameIdentity } from "./identity";
import { PhiAccrualDetector, phiAccrualDefaults } from "./phi-accrual";
import type { MembershipParts, Step } from "./step";
import { breakStream, judge, recover } from "./suspicion";
import { PRESENT, UNKNOWN_LINK, type TrackedMember } from "./tracked-member";

export function applyAttach(step: Step, event: EventOf<"attach">): void {
  const { roster, options, directorId } = step.parts;
  const { identity, sessionId, stored } = event;
  const heartbeatIntervalMs = event.heartbeatIntervalMs ?? options.heartbeatIntervalMs;
  let member = roster.get(identity.memberId);
  const holder = member ? localHolder(member, step.nowMs) : stored && remoteHolder(stored);
  const admission = admit(identity, sessionId, holder);
  if (admission.kind === "refused") {
    step.emit({ kind: "refused", memberId: identity.memberId, sessionId, error: admission.error }); // M8
    return;
  }
  if (!member) {
    const goesOn = admission.kind === "resumes" && stored;
    const state = goesOn ? stateAfterMove(goesOn) : "joining";
    member = step.create(identity, state, `attached to ${directorId}`, { heartbeatIntervalMs, stored });
    member.isDraining = state === "draining";
  } else if (admission.kind === "resumes") resume(step, member, identity);
  else beginNewLife(step, member, identity);
  member.session = { id: sessionId, lastSeq: 0 };
  listen(step, member, heartbeatIntervalMs);
  becomeAlive(step, member);
}

/**
 * Takes a beat that brings no news, without making a step (M9). Returns false, having changed nothing, for any other beat.
 *
 * `nowMs` is attentive time.
 */
export function takeSteadyBeat(parts: MembershipParts, event: EventOf<"beat">, now: Instant, nowMs: number): boolean {
  const member = parts.roster.get(event.memberId);
  const session = member?.session;
  if (!member || session?.id !== event.sessionId || event.seq !== session.lastSeq + 1) return false;
  if (member.phase.kind !== "present" || event.serving !== member.serving) return false;
  if (!event.serving && (event.notServingReason ?? "") !== member.notServingReason) return false;
  take(parts, member, event, now, nowMs);
  return true;
}

export function applyBeat(step: Step, event: EventOf<"beat">): void {
  const member = step.parts.roster.get(event.memberId);
  const session = member?.session;
  if (!member || session?.id !== event.sessionId) {
    step.closeStraySession(event.memberId, event.sessionId, member);
    return;
  }
  if (event.seq !== session.lastSeq + 1) {
    const mistake = `heartbeat ${event.seq} came after ${session.lastSeq}; each must be one higher than the last`;
    step.closeSession(member, "PROTOCOL_VIOLATION", `${member.memberId}: ${mistake}`);
    breakStream(step, member, mistake);
    return;
  }
  take(step.parts, member, event, step.now, step.nowMs);
  step.touch(member);
  if (member.phase.kind === "suspect") recover(step, member, "beats again");
}

export function applyStreamBroken(step: Step, event: EventOf<"stream-broken">): void {
  const member = currentMember(step, event);
  if (member) breakStream(step, member, event.reason);
}

export function applyDraining(step: Step, event: EventOf<"draining">): void {
  const member = currentMember(step, event);
  if (!member || member.phase.kind === "gone") return;
  member.isDraining = true;
  member.phase = PRESENT; // whoever says this is alive
  if (member.record.state !== "draining") step.transition(member, "draining", event.reason);
}

export function applyGoodbye(step: Step, event: EventOf<"goodbye">): void {
  const member = currentMember(step, event);
  if (member) leave(step, member, event.reason);
}

export function applyDataLink(step: Step, event: EventOf<"data-link">): void {
  const member = step.parts.roster.get(event.memberId);
  if (!member) return;
  if (event.address !== undefined && event.address !== member.record.address) return;
  member.dataLink = { kind: event.up ? "up" : "down", reason: event.reason };
  step.touch(member);
  becomeAlive(step, member);
  judge(step, member); // the connection was perhaps the last that spoke for a suspect
}

/** A life that moves here from another director stays what it was, so that nobody stops picking it for the move. */
function stateAfterMove({ state }: MemberRecord): MemberState {
  return state === "joining" || state === "draining" ? state : "alive";
}

/** The member whose current session this is (M3). */
function currentMember(
  step: Step,
  event: { readonly memberId: string; readonly sessionId: string },
): TrackedMember | undefined {
  const member = step.parts.roster.get(event.memberId);
  return member?.session?.id === event.sessionId ? member : undefined;
}

function resume(step: Step, member: TrackedMember, identity: MemberIdentity): void {
  step.closeSession(member, "SESSION_REPLACED", `${member.memberId} opened a newer Attach stream`);
  const isUpdated = !isSameIdentity(identity, member.record);
  if (member.phase.kind === "suspect") recover(step, member, "attached again", identity);
  else if (isUpdated) step.transition(member, member.record.state, "identity updated", identity);
}

function beginNewLife(step: Step, member: TrackedMember, identity: MemberIdentity): void {
  const before = member.record;
  step.closeSession(member, "SESSION_REPLACED", `${member.memberId} was started anew at ${identity.address}`);
  // The old connection speaks for the old address only.
  if (identity.address !== before.address) member.dataLink = UNKNOWN_LINK;
  member.phase = PRESENT;
  member.isDraining = false;
  member.load = NO_LOAD;
  member.serving = true;
  member.detector = undefined;
  member.lastBeatMs = undefined;
  member.lastBeatUnixMs = undefined;
  const reason = `started anew (incarnation ${before.incarnation} was ${before.state})`;
  step.transition(member, "joining", reason, identity);
}

/** Begins to time the beats of a new session. What is known of the worker's rhythm is kept while its interval is. */
function listen(step: Step, member: TrackedMember, intervalMs: number): void {
  if (member.detector && member.heartbeatIntervalMs === intervalMs) {
    member.detector.resume(step.nowMs);
    return;
  }
  member.heartbeatIntervalMs = intervalMs;
  const options = { ...phiAccrualDefaults(intervalMs), ...step.parts.options.detector };
  member.detector = new PhiAccrualDetector(options, step.nowMs);
}

/** A joining member is alive once the path that carries the work is there as well. Nobody makes one to a member that serves nothing. */
function becomeAlive(step: Step, member: TrackedMember): void {
  if (member.record.state !== "joining") return;
  if (member.record.services.length === 0) step.transition(member, "alive", "attached; it serves nothing");
  else if (member.dataLinkUp) step.transition(member, "alive", "attached, and its data connection is up");
}

function take(
  { attention }: MembershipParts,
  member: TrackedMember,
  event: EventOf<"beat">,
  now: Instant,
  nowMs: number,
): void {
  member.session!.lastSeq = event.seq;
  member.load = event.load;
  member.serving = event.serving;
  member.notServingReason = event.notServingReason ?? "";
  member.lastBeatMs = now.monotonicMs;
  member.lastBeatUnixMs = now.wallMs;
  const detector = member.detector!;
  if (attention.isFairInterval(detector.lastMs, nowMs)) detector.beat(nowMs);
  else detector.resume(nowMs);
}
