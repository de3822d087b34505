import { FabricError } from "../core/errors";
import type { MemberIdentity } from "../core/member";
import type { TrackedMember } from "./tracked-member";

/** What an attach is, compared with what is known of the member. */
export type Admission =
  | { readonly kind: "refused"; readonly error: FabricError }
  /** The life that is known goes on, on a new stream. */
  | { readonly kind: "resumes" }
  /** The worker was started anew, or is new. */
  | { readonly kind: "new-life" };

/**
 * Decides who may bear a member id. Changes nothing (M8).
 *
 * `nowMs` is attentive time.
 */
export function admit(
  identity: MemberIdentity,
  sessionId: string,
  holder: TrackedMember | undefined,
  nowMs: number,
): Admission {
  if (!holder) return { kind: "new-life" };
  if (holder.session?.id === sessionId) return refuse(secondHello(identity));
  const known = holder.record;
  const elsewhere = known.address !== identity.address;
  // Before the incarnations: two live workers with one id is the mistake to name, whichever was started first.
  if (elsewhere && isHeld(holder, nowMs)) return refuse(duplicate(identity, holder));
  if (identity.incarnation < known.incarnation)
    return refuse(stale(identity, `incarnation ${known.incarnation} is known`));
  if (identity.incarnation > known.incarnation) return { kind: "new-life" };
  if (known.liveness.kind === "reported") return { kind: "new-life" }; // an agent of ours takes over from reports
  if (holder.phase.kind === "gone")
    return refuse(stale(identity, `that life is ${known.state} (${known.stateReason})`)); // M2
  // An address belongs to a life: the same incarnation elsewhere is somebody else.
  return elsewhere ? refuse(duplicate(identity, holder)) : { kind: "resumes" };
}

/** Whether the member is in somebody's hands: its session beats. */
function isHeld(holder: TrackedMember, nowMs: number): boolean {
  if (holder.phase.kind !== "present" || !holder.session || !holder.detector) return false;
  return nowMs < holder.detector.suspectAtMs;
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

function secondHello(identity: MemberIdentity): FabricError {
  return new FabricError("PROTOCOL_VIOLATION", `${identity.memberId} sent a second Hello on its Attach stream`);
}

export function duplicate(identity: MemberIdentity, holder: TrackedMember): FabricError {
  const { address, state } = holder.record;
  return new FabricError(
    "DUPLICATE_MEMBER",
    `${identity.memberId} at ${identity.address} wants the id of the member at ${address}, which is ${state}: ` +
      "give each worker its own WORKER_LABEL or NODE_ID",
  );
}
