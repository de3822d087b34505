import { NO_LOAD, type Load, type MemberRecord } from "../core/member";
import type { Attention } from "./self-suspicion";
import type { MemberView } from "./events";
import type { PhiAccrualDetector } from "./phi-accrual";

export interface Session {
  readonly id: string;
  /** Of the last beat; 0 before the first. */
  lastSeq: number;
}

/** The director's own data connection to a member, as far as it was told. `unknown` speaks neither for nor against it. */
export interface DataLink {
  readonly kind: "unknown" | "up" | "down";
  readonly reason: string;
}

export const UNKNOWN_LINK: DataLink = { kind: "unknown", reason: "not connected yet" };

/** What became of asking other members about a suspect. */
export type ProbeRound =
  | { readonly kind: "not-asked" }
  | {
      readonly kind: "waiting";
      readonly probeId: string;
      readonly asked: readonly string[];
      readonly waitingFor: Set<string>;
      readonly deadlineMs: number;
    }
  | { readonly kind: "reachable"; readonly via: string }
  | { readonly kind: "unreachable"; readonly asked: readonly string[] };

export type SuspicionCause = "silence" | "stream-broken" | "adopted" | "report-overdue";

/** Each phase carries exactly what it owns. Times are attentive. */
export type Phase =
  /** joining, alive or draining. */
  | { readonly kind: "present" }
  | { readonly kind: "suspect"; readonly cause: SuspicionCause; readonly deadlineMs: number; probes: ProbeRound }
  /** dead or left. */
  | { readonly kind: "gone"; readonly forgetAtMs: number };

export const PRESENT: Phase = { kind: "present" };

/** What the director was last told by a `readiness` change. */
export interface Readiness {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly dataLinkUp: boolean;
  readonly reason: string;
}

/** All that this director knows of one member. Only the rules of this folder change it. */
export class TrackedMember implements MemberView {
  record: MemberRecord;
  phase: Phase = PRESENT;
  session: Session | undefined;
  /** Undefined for members that report, and for the gone. */
  detector: PhiAccrualDetector | undefined;
  /** Scale of this member's patience. */
  heartbeatIntervalMs: number;
  dataLink: DataLink = UNKNOWN_LINK;
  /** It said so in this life; outlasts a suspicion. */
  isDraining = false;
  load: Load = NO_LOAD;
  serving = true;
  /** What the worker said of that; "" for nothing. */
  notServingReason = "";
  lastBeatMs: number | undefined;
  lastBeatUnixMs: number | undefined;
  /** Attentive time of the last sign of life of a member that reports. */
  lastReportMs = 0;
  published: Readiness = { ready: false, serving: true, dataLinkUp: false, reason: "" };
  readonly #attention: Attention;

  constructor(record: MemberRecord, heartbeatIntervalMs: number, attention: Attention) {
    this.record = record;
    this.heartbeatIntervalMs = heartbeatIntervalMs;
    this.#attention = attention;
  }

  get memberId(): string {
    return this.record.memberId;
  }

  get isAttached(): boolean {
    return this.record.liveness.kind === "attached";
  }

  get sessionId(): string | undefined {
    return this.session?.id;
  }

  get dataLinkUp(): boolean {
    return this.dataLink.kind === "up";
  }

  phi(nowMs: number): number {
    return this.detector?.phi(this.#attention.attentiveMs(nowMs)) ?? 0;
  }

  get ready(): boolean {
    return this.notReadyReason === "";
  }

  /** Whether its beats are so overdue that it is suspicious. `nowMs` is attentive time. */
  isSilent(nowMs: number): boolean {
    return this.detector !== undefined && nowMs >= this.detector.suspectAtMs;
  }

  /** M4: ready only when it is alive, serves, and can be reached on the path that carries the calls. */
  get notReadyReason(): string {
    const { state, stateReason } = this.record;
    if (state !== "alive") return `${state}: ${stateReason}`;
    if (this.isAttached && !this.session) return "has no Attach stream";
    if (!this.dataLinkUp) return `data connection is down: ${this.dataLink.reason}`;
    if (this.serving) return "";
    return `worker reports it does not serve${this.notServingReason && `: ${this.notServingReason}`}`;
  }
}
