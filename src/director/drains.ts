import type { AgentRecord } from "../core/agent";
import type { Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { isDrained, type Intent, type MemberRecord } from "../core/member";
import type { MemberView } from "../membership/events";
import type { Store } from "../store/store";
import type { ClusterView, FactChange } from "./cluster-view";
import { encodeRecord, KEYS, type DrainReport } from "./records";

export interface DrainsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Store;
  readonly view: ClusterView;
  local(memberId: string): MemberView | undefined;
  record(memberId: string): MemberRecord | undefined;
  /** Calls that this director has in flight to the member. */
  ownInFlight(memberId: string): number;
  /** Named agents that are to run at the member. Default: none. */
  agentsAt?(memberId: string): number;
}

/** How a drain is, as far as this director knows. */
export interface DrainProgress {
  readonly phase: "taking-out" | "finishing" | "deadline-passed" | "complete" | "cancelled" | "left" | "lost";
  readonly inFlight: number;
  readonly measuredBy: "worker" | "director";
  readonly intent: Intent;
  readonly detail: string;
}

/** What was measured of a member: whether a call can still begin there, and how many are in flight. */
interface Measure {
  readonly serving: boolean;
  readonly inFlight: number;
  readonly by: DrainProgress["measuredBy"];
}

/** Between two writes of one member's report, unless it is the last that matters. */
const SHARE_EVERY_MS = 1_000;

/**
 * The drains of this cluster as seen from this director. A worker's heartbeats go to its home director only, so that one shares
 * through the store what the others must know, while there are others:
 * - D1 complete is what a worker measured: it takes no new calls, and none is in flight; and the record has no agent there any more.
 * - D2 a report counts for the drain that it was made for, and for no later one.
 */
export class Drains {
  readonly #parts: DrainsParts;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** What the store has of members that drain here; at most one entry for each of them. */
  readonly #shared = new Map<string, { readonly report: DrainReport; readonly atMs: number }>();
  readonly #writing = new Set<string>();

  constructor(parts: DrainsParts) {
    this.#parts = parts;
    parts.view.onChange((changes) => {
      for (const { fact, before } of changes) {
        if (fact.kind === "intent" && !(fact.value && isDrained(fact.value))) this.#shared.delete(fact.id);
        if (fact.kind === "intent" || fact.kind === "member" || fact.kind === "drain") this.#tell(fact.id);
        if (fact.kind === "agent") for (const memberId of membersOf(before, fact.value)) this.#tell(memberId);
      }
    });
  }

  /** A heartbeat of a member came to this director. */
  beat(memberId: string): void {
    const intent = this.#parts.view.intent(memberId);
    if (!isDrained(intent)) return;
    this.#tell(memberId);
    this.#share(memberId, intent);
  }

  /** Calls `listener` when `progress` may say something else. Returns how to stop. */
  onChange(memberId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(memberId) ?? new Set();
    this.#listeners.set(memberId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(memberId) === listeners) this.#listeners.delete(memberId);
    };
  }

  progress(memberId: string): DrainProgress {
    const intent = this.#parts.view.intent(memberId);
    const record = this.#parts.record(memberId);
    const measure = this.#measure(memberId, record, intent);
    const base = { inFlight: measure.inFlight, measuredBy: measure.by, intent };
    if (!isDrained(intent)) return { ...base, phase: "cancelled", detail: `the operator wants it ${intent.kind}` };
    if (!record) return { ...base, phase: "left", detail: "it was removed" };
    if (record.state === "left") return { ...base, phase: "left", detail: record.stateReason };
    if (record.state === "dead") return { ...base, phase: "lost", detail: `it was judged dead: ${record.stateReason}` };
    return { ...base, ...this.#phase(measure, intent, record) };
  }

  #phase(
    { serving, inFlight, by }: Measure,
    intent: Intent,
    record: MemberRecord,
  ): Pick<DrainProgress, "phase" | "detail"> {
    const agents = this.#parts.agentsAt?.(record.memberId) ?? 0;
    if (!serving && inFlight === 0 && agents === 0) return { phase: "complete", detail: "no call is in flight" }; // D1
    const away = record.state === "suspect" ? `as of its last heartbeat: it is suspect (${record.stateReason})` : "";
    if (intent.deadlineUnixMs > 0 && this.#parts.clock.wallMs() >= intent.deadlineUnixMs) {
      const forced =
        by === "worker" ? "the calls are being ended" : "it has no worker of ours that could end its calls";
      return { phase: "deadline-passed", detail: away || (intent.force ? forced : "the calls may go on") };
    }
    if (serving) return { phase: "taking-out", detail: away || "waiting until no director picks it" };
    const leaving =
      agents === 1
        ? "an agent goes on there until it runs elsewhere"
        : `${agents} agents go on there until they run elsewhere`;
    return { phase: "finishing", detail: away || (agents > 0 ? leaving : "") };
  }

  #measure(memberId: string, record: MemberRecord | undefined, intent: Intent): Measure {
    const { local: localOf, view, ownInFlight } = this.#parts;
    const own = ownInFlight(memberId);
    // A server of another stack counts for nobody; it is out of routing as soon as the intent is known.
    const isForeign = record !== undefined && (record.liveness.kind === "reported" || !record.dataKeepalive);
    const local = localOf(memberId);
    if (isForeign) return { serving: false, inFlight: Math.max(own, local?.load.inFlight ?? 0), by: "director" };
    if (local?.lastBeatMs !== undefined) return this.#worker(local.serving, local.load.inFlight, own);
    const report = view.drain(memberId);
    const counts = report?.drainSetAtUnixMs === intent.setAtUnixMs && report.incarnation === record?.incarnation; // D2
    if (report && counts) return this.#worker(report.serving, report.inFlight, own);
    return { serving: true, inFlight: own, by: "director" };
  }

  /** While calls can still begin, those that began here since the last heartbeat are known to run as well. */
  #worker(serving: boolean, measured: number, own: number): Measure {
    return { serving, inFlight: serving ? Math.max(measured, own) : measured, by: "worker" };
  }

  #share(memberId: string, intent: Intent): void {
    const { clock, logger, store, view, local: localOf } = this.#parts;
    const local = localOf(memberId);
    if (!local || view.directors.size < 2 || this.#writing.has(memberId)) return;
    const report: DrainReport = {
      drainSetAtUnixMs: intent.setAtUnixMs,
      incarnation: local.record.incarnation,
      serving: local.serving,
      inFlight: local.load.inFlight,
    };
    const before = this.#shared.get(memberId);
    const atMs = clock.monotonicMs();
    const isLast = !report.serving && report.inFlight === 0;
    if (before && isSameReport(before.report, report)) return;
    if (before && !isLast && atMs - before.atMs < SHARE_EVERY_MS) return;
    this.#writing.add(memberId);
    store
      .put(KEYS.drain(memberId), encodeRecord(report))
      .then(() => void this.#shared.set(memberId, { report, atMs }))
      .catch((error: unknown) => logger.debug("a drain was not told to the others", { reason: messageOf(error) }))
      .finally(() => this.#writing.delete(memberId));
  }

  #tell(memberId: string): void {
    for (const listener of this.#listeners.get(memberId) ?? []) listener();
  }
}

/** Whom a change of an agent's record is about. */
function membersOf(...records: readonly FactChange["before"][]): ReadonlySet<string> {
  const agents = records as readonly (AgentRecord | undefined)[];
  return new Set(agents.flatMap((agent) => (agent ? [agent.memberId, agent.previous?.memberId ?? ""] : [])));
}

function isSameReport(a: DrainReport, b: DrainReport): boolean {
  return (
    a.drainSetAtUnixMs === b.drainSetAtUnixMs &&
    a.incarnation === b.incarnation &&
    a.serving === b.serving &&
    a.inFlight === b.inFlight
  );
}
