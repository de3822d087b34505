import type { FabricError } from "../core/errors";
import type { Load, MemberIdentity, MemberRecord, MemberState, ReportedCondition } from "../core/member";

/** One moment, on both clocks. */
export interface Instant {
  /** Never goes back. All judgements are made on it. */
  readonly monotonicMs: number;
  /** Unix time; may jump. Only written into records, for people and other machines to read. */
  readonly wallMs: number;
}

/** What the director tells its membership. Events about a session that is not the member's current one change nothing. */
export type MembershipEvent =
  /** A Hello. Accepted unless a `refused` change answers it. */
  | {
      readonly kind: "attach";
      /** Unique among all sessions of this director. */
      readonly sessionId: string;
      readonly identity: MemberIdentity;
      /** The interval that this worker was told to beat at; the default is the director's own. */
      readonly heartbeatIntervalMs?: number;
      /** What the store holds of this member, when another director is (or was) its home. Needed for M1 and M2 to hold there. */
      readonly stored?: MemberRecord;
    }
  | {
      readonly kind: "beat";
      readonly memberId: string;
      readonly sessionId: string;
      /** Rises by one, from 1, on each session. */
      readonly seq: number;
      readonly load: Load;
      readonly serving: boolean;
      /** Why not, in words; "" and absent where it is not known. */
      readonly notServingReason?: string;
    }
  /** The Attach stream ended without Goodbye. */
  | { readonly kind: "stream-broken"; readonly memberId: string; readonly sessionId: string; readonly reason: string }
  /**
   * The director's own data connection to the member. Told whenever it changes, and when it is made anew. The director dials
   * a member that is new or joins, and closes when it is dead, left or forgotten.
   */
  | {
      readonly kind: "data-link";
      readonly memberId: string;
      readonly up: boolean;
      readonly reason: string;
      /** Where the link leads. When given and not the member's present address, the event is late and changes nothing. */
      readonly address?: string;
    }
  | { readonly kind: "draining"; readonly memberId: string; readonly sessionId: string; readonly reason: string }
  | { readonly kind: "goodbye"; readonly memberId: string; readonly sessionId: string; readonly reason: string }
  /** The answer of one member (`via`) that was asked by a `probe` change. */
  | {
      readonly kind: "probed";
      readonly memberId: string;
      readonly probeId: string;
      readonly via: string;
      readonly reachable: boolean;
      readonly detail: string;
    }
  /** A member without an agent of ours (liveness `reported`). The same label at the same address is the same member. */
  | {
      readonly kind: "register";
      readonly identity: MemberIdentity;
      /** Whether a live member of this id at another address refuses it; otherwise a higher incarnation moves the member. */
      readonly keepAddress?: boolean;
    }
  | {
      readonly kind: "report";
      readonly memberId: string;
      readonly load: Load;
      /** Absent: nothing out of the ordinary. `offline` is a goodbye, and no sign of life. */
      readonly condition?: ReportedCondition | "offline" | undefined;
    }
  /** An operator removes the member for good. */
  | { readonly kind: "remove"; readonly memberId: string; readonly reason: string }
  /** A record found in the store at start that names this director as home. */
  | { readonly kind: "adopt"; readonly record: MemberRecord }
  /** Another director is its home now: it is forgotten here without being judged. */
  | { readonly kind: "release"; readonly memberId: string }
  /** The director's loop runs. To be told every `tickIntervalMs`: what comes later counts as the director's own stall. */
  | { readonly kind: "tick" };

export type EventOf<Kind extends MembershipEvent["kind"]> = Extract<MembershipEvent, { readonly kind: Kind }>;

/** What follows from an event, to be carried out in order. */
export type Change =
  /** To be written to the store. `from` is undefined for a new member; equal to the new state when only the identity changed. */
  | {
      readonly kind: "transition";
      readonly memberId: string;
      readonly from: MemberState | undefined;
      readonly record: MemberRecord;
      readonly reason: string;
    }
  /** Whether this director may pick the member. Local: never written. Comes after the transition that causes it. */
  | {
      readonly kind: "readiness";
      readonly memberId: string;
      readonly ready: boolean;
      readonly serving: boolean;
      readonly dataLinkUp: boolean;
      /** Why it is not ready; "" when it is. */
      readonly reason: string;
    }
  /** To be sent to each member in `via` as a ProbeRequest; each answer comes back as `probed`. No answer is an answer. */
  | {
      readonly kind: "probe";
      readonly memberId: string;
      readonly address: string;
      readonly probeId: string;
      readonly via: readonly string[];
      readonly timeoutMs: number;
    }
  /** To be ended with `error` as its status. The session is not the member's any more. */
  | {
      readonly kind: "close-session";
      readonly memberId: string;
      readonly sessionId: string;
      readonly error: FabricError;
    }
  /** The attach (or, without `sessionId`, the registration) is not accepted, and nothing was changed. */
  | {
      readonly kind: "refused";
      readonly memberId: string;
      readonly sessionId: string | undefined;
      readonly error: FabricError;
    }
  /** Its record is to be deleted from the store. */
  | { readonly kind: "forget"; readonly memberId: string; readonly reason: string };

/** The answer to every event that changes nothing: one array for all, so that steady beats cost no memory. */
export const NO_CHANGES: readonly Change[] = Object.freeze([]);

/** A member as its home director sees it. Live: the next event may change it. */
export interface MemberView {
  readonly record: MemberRecord;
  /** What it last said of itself. */
  readonly load: Load;
  /** False while it refuses calls although it is alive. */
  readonly serving: boolean;
  /** Its current Attach stream; undefined when there is none. */
  readonly sessionId: string | undefined;
  readonly dataLinkUp: boolean;
  /** How unlikely its present silence is, as −log10 of the probability; 0 for members that do not beat. */
  phi(nowMs: number): number;
  /** Monotonic time of the last beat or report; undefined before the first. */
  readonly lastBeatMs: number | undefined;
  readonly lastBeatUnixMs: number | undefined;
  /** Whether this director may pick it, as far as liveness goes. Operator intent is not looked at here. */
  readonly ready: boolean;
  /** In words; "" when ready. */
  readonly notReadyReason: string;
}
