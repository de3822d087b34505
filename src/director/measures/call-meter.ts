import type { CallObserver, EndedCall } from "../../balancing/ended-call";
import type { Clock } from "../../core/clock";
import { Status } from "../../core/status";
import { CallSeries, counted, type Counted, type SeriesCounts } from "./call-series";
import { latencyClass } from "./latency-scale";
import { RecentLatency } from "./recent-latency";

/** What calls are counted under whose method is none that is known, and those beyond the bounds. */
export const OTHER = "other";

/** Series that are kept; each takes half a kilobyte, and is a line for each of its statuses in what monitoring reads. */
export const SERIES_MAX = 2_000;
/** Members whose latencies are kept. */
const MEMBERS_MAX = 20_000;
/** Methods that are told apart by name, for as long as the process lives: also while all who serve them are away. */
const METHODS_MAX = 1_024;
/** Of these, methods without a contract that a worker has answered with OK. */
const UNDESCRIBED_MAX = 256;
/** How long the series of a member are told after it was last seen: monitoring that looks every few minutes sees their last state. */
const GONE_KEPT_MS = 600_000;
/** Least time between two looks for room where there is none. */
const MAKE_ROOM_EVERY_MS = 1_000;

export interface CallMeterParts {
  readonly clock: Clock;
  /** Whether the contract of the method "/package.Service/Method" is known. Others are told apart only when they are found to work. */
  isKnown(path: string): boolean;
  isMember(memberId: string): boolean;
  /** Told when there is something to take, after there was nothing. */
  counting?(): void;
}

/** What a relay process has counted since it told before. */
export interface Measures {
  readonly series: readonly SeriesCounts[];
  /** Attempts of members' calls that ended, by class of latency. */
  readonly recent: readonly (readonly [memberId: string, latency: Counted])[];
}

interface MemberMeter {
  readonly memberId: string;
  /** By the method as the caller has it; of methods without a name of their own none. */
  readonly byMethod: Map<string, CallSeries>;
  other: CallSeries | undefined;
  readonly recent: RecentLatency;
  goneSinceMs: number | undefined;
}

/**
 * Counts the calls that ended, by method, member and status, and how long they took.
 * - M1 a call costs two look-ups and a few additions; nothing is made for it but the first time.
 * - M2 callers cannot make series: a method has one when its contract is known, or a worker answered it.
 * - M3 the counts of a series never fall. A member that is gone is told of for ten minutes; then its calls are added to those of all departed.
 */
export class CallMeter implements CallObserver {
  readonly #parts: CallMeterParts;
  #members = new Map<string, MemberMeter>();
  readonly #departed = new Map<string, CallSeries>();
  #seriesCount = 0;
  readonly #named = new Set<string>();
  #undescribedCount = 0;
  #madeRoomAtMs = -Infinity;
  /** Is told of every call, too. */
  watcher: CallObserver | undefined;

  constructor(parts: CallMeterParts) {
    this.#parts = parts;
  }

  callEnded(call: EndedCall): void {
    const { memberId, method, status, endedAtMs, attemptMs } = call;
    const member = this.#members.get(memberId) ?? this.#addMember(memberId);
    const series = member.byMethod.get(method) ?? this.#addSeries(member, method, status === Status.OK);
    const latencyMs = endedAtMs - call.startedAtMs;
    const index = latencyClass(latencyMs);
    series.count(status, index, latencyMs);
    if (attemptMs !== undefined) {
      member.recent.count(attemptMs === latencyMs ? index : latencyClass(attemptMs), endedAtMs);
    }
    if (this.watcher !== undefined) this.watcher.callEnded(call);
  }

  /** Every series, those of members that went among them. */
  series(): readonly CallSeries[] {
    return [...this.#members.values()].flatMap(({ byMethod, other }) => [
      ...byMethod.values(),
      ...(other ? [other] : []),
    ]);
  }

  /** What members that are not told apart any more had, by method; their `memberId` is "". */
  departed(): readonly CallSeries[] {
    return [...this.#departed.values()];
  }

  /** Of attempts that ended in about the last minute, cancelled ones left out; 0 for each quantile where there was none. */
  recentMs(memberId: string, quantiles: readonly number[]): readonly number[] {
    const recent = this.#members.get(memberId)?.recent;
    return recent?.quantilesMs(quantiles, this.#parts.clock.monotonicMs()) ?? quantiles.map(() => 0);
  }

  /** Lets go of members that went long ago (M3). */
  forgetGone(keptMs = GONE_KEPT_MS): void {
    const { clock, isMember } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const member of this.#members.values()) {
      if (member.memberId === "" || isMember(member.memberId)) member.goneSinceMs = undefined;
      else if (nowMs - (member.goneSinceMs ??= nowMs) >= keptMs) this.#forget(member);
    }
  }

  /** What was counted, and begins anew: for a process that tells another one, which adds it up. */
  take(): Measures {
    const members = [...this.#members.values()];
    const series = [...this.series(), ...this.departed()].map(({ counts }) => counts);
    this.#departed.clear();
    this.#members = new Map();
    this.#seriesCount = 0;
    const recent = members.map(({ memberId, recent }) => [memberId, counted(recent.counts)] as const);
    return { series, recent: recent.filter(([, latency]) => latency.length > 0) };
  }

  add({ series, recent }: Measures): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const counts of series) {
      const { memberId, method, ended } = counts;
      const member = this.#members.get(memberId) ?? this.#addMember(memberId);
      const isAnswered = ended.some(([status]) => status === Status.OK);
      (member.byMethod.get(method) ?? this.#addSeries(member, method, isAnswered)).add(counts);
    }
    for (const [memberId, latency] of recent) {
      const member = this.#members.get(memberId) ?? this.#addMember(memberId);
      for (const [index, calls] of latency) member.recent.count(index, nowMs, calls);
    }
  }

  #addMember(memberId: string): MemberMeter {
    if (this.#members.size >= MEMBERS_MAX) this.#makeRoom();
    const known = this.#members.size >= MEMBERS_MAX ? "" : memberId;
    const nowMs = this.#parts.clock.monotonicMs();
    const member: MemberMeter = this.#members.get(known) ?? {
      memberId: known,
      byMethod: new Map(),
      other: undefined,
      recent: new RecentLatency(nowMs),
      goneSinceMs: undefined,
    };
    if (this.#members.size === 0) this.#parts.counting?.();
    this.#members.set(known, member);
    return member;
  }

  #addSeries(member: MemberMeter, method: string, isAnswered: boolean): CallSeries {
    if (this.#seriesCount >= SERIES_MAX) this.#makeRoom();
    if (this.#seriesCount >= SERIES_MAX) return this.#overflow();
    const isNamed = this.#isNamed(method, isAnswered && member.memberId !== "");
    if (!isNamed && member.other !== undefined) return member.other;
    const series = new CallSeries(isNamed ? method : OTHER, member.memberId);
    this.#seriesCount += 1;
    if (isNamed) member.byMethod.set(method, series);
    else member.other = series;
    return series;
  }

  /** M2 */
  #isNamed(method: string, isAnswered: boolean): boolean {
    if (this.#named.has(method)) return true;
    if (method === OTHER || this.#named.size >= METHODS_MAX) return false;
    if (!this.#parts.isKnown(`/${method}`)) {
      if (!isAnswered || this.#undescribedCount >= UNDESCRIBED_MAX) return false;
      this.#undescribedCount += 1;
    }
    this.#named.add(method);
    return true;
  }

  /** Where there is no room for a series of their own. */
  #overflow(): CallSeries {
    const nobody = this.#members.get("") ?? this.#addMember("");
    return (nobody.other ??= new CallSeries(OTHER, ""));
  }

  #makeRoom(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#madeRoomAtMs < MAKE_ROOM_EVERY_MS) return;
    this.#madeRoomAtMs = nowMs;
    this.forgetGone(0);
  }

  #forget({ memberId, byMethod, other }: MemberMeter): void {
    this.#members.delete(memberId);
    for (const series of [...byMethod.values(), ...(other ? [other] : [])]) {
      this.#seriesCount -= 1;
      const departed = this.#departed.get(series.method) ?? new CallSeries(series.method, "");
      departed.add(series.counts);
      this.#departed.set(series.method, departed);
    }
  }
}
