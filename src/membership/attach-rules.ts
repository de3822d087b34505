import { FabricError } from "../core/errors";
import { isLater, type MemberIdentity, type MemberRecord } from "../core/member";
import type { TrackedMember } from "./tracked-member";

/** What an attach is, compared with what is known of the member. */
export type Admission =
  | { readonly kind: "refused"; readonly error: FabricError }
  /** The life that is known goes on, on a new stream. */
  | { readonly kind: "resumes" }
  /** The worker was started anew, or is new. */
  | { readonly kind: "new-life" };

/** Who bears the member id now, as far as is known. */
export interface Holder {
  readonly record: MemberRecord;
  readonly sessionId: string | undefined;
  /** Whether it is in somebody's hands: its session beats. */
  readonly isHeld: boolean;
}

/** A member whose home is this director. `nowMs` is attentive time. */
export function localHolder(member: TrackedMember, nowMs: number): Holder {
  const { record, phase, sessionId } = member;
  return { record, sessionId, isHeld: phase.kind === "present" && sessionId !== undefined && !member.isSilent(nowMs) };
}

/** A member that another director judges: its word, in the store, is taken for it. */
export function remoteHolder(record: MemberRecord): Holder {
  const isHeld = record.state === "joining" || record.state === "alive" || record.state === "draining";
  return { record, sessionId: undefined, isHeld: isHeld && record.liveness.kind === "attached" };
}

/** Decides who may bear a member id. Changes nothing (M8). */
export function admit(identity: MemberIdentity, sessionId: string, holder: Holder | undefined): Admission {
  if (!holder) return { kind: "new-life" };
  if (holder.sessionId === sessionId) return refuse(secondHello(identity));
  const known = holder.record;
  const elsewhere = known.address !== identity.address;
  // Before the incarnations: two live workers with one id is the mistake to name, whichever was started first.
  if (elsewhere && holder.isHeld) return refuse(duplicate(identity, known));
  if (identity.incarnation < known.incarnation) {
    return refuse(stale(identity, `incarnation ${known.incarnation} is known`)); // M1
  }
  if (identity.incarnation > known.incarnation) return { kind: "new-life" };
  if (known.state === "dead" || known.state === "left") {
    return refuse(stale(identity, `that life is ${known.state} (${known.stateReason})`)); // M2
  }
  // A Hello that was read late: the worker gave this director up meanwhile, and went to another.
  if (isLater(known, identity)) return refuse(overtaken(identity, known));
  // An address belongs to a life: the same incarnation elsewhere is somebody else.
  if (elsewhere) return refuse(duplicate(identity, known));
  // An agent of ours takes over from reports.
  return { kind: known.liveness.kind === "reported" ? "new-life" : "resumes" };
}

function refuse(error: FabricError): Admission {
  return { kind: "refused", error };
}

function stale(identity: MemberIdentity, why: string): FabricError {
  return new FabricError(
    "STALE_INCARNATION",
    `${identity.memberId} at ${identity.address} attaches with incarnation ${identity.incarnation}, but ${why}: ` +
      "attach again with a higher incarnation",
  );
}

function overtaken({ memberId, attachment = 0 }: MemberIdentity, known: MemberRecord): FabricError {
  const later = `number ${known.attachment ?? 0} is known, at director ${known.homeDirectorId}`;
  return new FabricError("SESSION_REPLACED", `Attach stream number ${attachment} of ${memberId} is over: ${later}`);
}

function secondHello(identity: MemberIdentity): FabricError {
  return new FabricError("PROTOCOL_VIOLATION", `${identity.memberId} sent a second Hello on its Attach stream`);
}

export function duplicate(identity: MemberIdentity, { address, state }: MemberRecord): FabricError {
  return new FabricError(
    "DUPLICATE_MEMBER",
    `${identity.memberId} at ${identity.address} wants the id of the member at ${address}, which is ${state}: ` +
      "give each worker its own WORKER_LABEL or NODE_ID",
  );
}
