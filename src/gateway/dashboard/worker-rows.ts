import {
  FRESH_BEAT_MS,
  ROW_FIELDS,
  type RowField,
  type RowValue,
  type WireRow,
  type WireRowChange,
} from "../../dashboard/feed-messages";
import type { CallSeries, MemberStats, WireMember } from "../../wire/contract";
import { intentKindFromWire, stateFromWire } from "../../wire/member-codec";

/** What changed among the workers since the last time. */
export interface RowChanges {
  readonly added: readonly WireRow[];
  readonly changed: readonly WireRowChange[];
  readonly removed: readonly number[];
}

interface Row {
  readonly handle: number;
  values: readonly RowValue[];
  /** Of the lists and maps among the values, to compare them. */
  texts: readonly string[];
}

const OK = 0;

/**
 * The workers as the page shows them. Numbers are rounded to what a person can read, so that a fleet at rest changes nothing: then the feed
 * says nothing.
 */
export class WorkerRows {
  readonly #rows = new Map<string, Row>();
  #handle = 0;

  get size(): number {
    return this.#rows.size;
  }

  all(): WireRow[] {
    return [...this.#rows.values()].map(({ handle, values }): WireRow => [handle, ...values]);
  }

  update(
    members: readonly WireMember[],
    stats: ReadonlyMap<string, MemberStats>,
    errors: ReadonlyMap<string, Readonly<Record<string, number>>>,
    nowUnixMs: number,
  ): RowChanges {
    const added: WireRow[] = [];
    const changed: WireRowChange[] = [];
    const removed: number[] = [];
    const present = new Set<string>();
    for (const member of members) {
      const { memberId } = member;
      present.add(memberId);
      const values = rowValues(member, stats.get(memberId), errors.get(memberId) ?? NO_ERRORS, nowUnixMs);
      const texts = values.map((value) => (typeof value === "object" ? JSON.stringify(value) : ""));
      const row = this.#rows.get(memberId);
      if (row === undefined) {
        this.#handle += 1;
        this.#rows.set(memberId, { handle: this.#handle, values, texts });
        added.push([this.#handle, ...values]);
        continue;
      }
      const change: RowValue[] = [];
      for (const [index, value] of values.entries()) {
        const isSame = typeof value === "object" ? row.texts[index] === texts[index] : row.values[index] === value;
        if (!isSame) change.push(index, value);
      }
      if (change.length > 0) changed.push([row.handle, ...change]);
      row.values = values;
      row.texts = texts;
    }
    for (const [memberId, { handle }] of this.#rows) {
      if (present.has(memberId)) continue;
      this.#rows.delete(memberId);
      removed.push(handle);
    }
    return { added, changed, removed };
  }
}

const NO_ERRORS: Readonly<Record<string, number>> = {};

/** By member, how many of its calls ended with which status other than OK. */
export function errorsByMember(series: readonly CallSeries[]): Map<string, Record<string, number>> {
  const errors = new Map<string, Record<string, number>>();
  for (const { memberId, ended } of series) {
    for (const [status, count] of ended) {
      if (status === OK || count === 0n) continue;
      let ofMember = errors.get(memberId);
      if (!ofMember) errors.set(memberId, (ofMember = {}));
      ofMember[status] = (ofMember[status] ?? 0) + Number(count);
    }
  }
  return errors;
}

function rowValues(
  member: WireMember,
  stats: MemberStats | undefined,
  errors: Readonly<Record<string, number>>,
  nowUnixMs: number,
): readonly RowValue[] {
  const { intent, load, resources } = member;
  const beatUnixMs = Number(member.lastHeartbeatUnixMs);
  const isFresh = beatUnixMs > nowUnixMs - FRESH_BEAT_MS;
  const row: Readonly<Record<RowField, RowValue>> = {
    memberId: member.memberId,
    label: member.label,
    address: member.address,
    state: stateFromWire(member.state) ?? "unknown",
    stateReason: member.stateReason,
    stateSinceUnixMs: Number(member.stateSinceUnixMs),
    intent: (intent && intentKindFromWire(intent.kind)) ?? "serving",
    intentBy: intent?.setBy ?? "",
    intentReason: intent?.reason ?? "",
    intentSinceUnixMs: Number(intent?.setAtUnixMs ?? 0n),
    intentDeadlineUnixMs: Number(intent?.deadlineUnixMs ?? 0n),
    role: member.role,
    tags: Object.fromEntries(member.tags),
    services: member.services,
    slots: member.slots,
    // At its home director what the worker counts; elsewhere what this director has in flight.
    inFlight: Math.max(load?.inFlight ?? 0, member.directorInFlight),
    version: member.version,
    homeDirectorId: member.homeDirectorId,
    beatUnixMs: isFresh ? 0 : beatUnixMs,
    phi: member.phi < 1 ? 0 : rounded(Math.min(member.phi, 999)),
    ready: member.ready,
    notReadyReason: member.notReadyReason,
    p50Ms: rounded(stats?.latencyP50Ms ?? 0),
    p99Ms: rounded(stats?.latencyP99Ms ?? 0),
    callsStarted: Number(stats?.callsStarted ?? 0n),
    callsFailed: Number(stats?.callsFailed ?? 0n),
    callsCancelled: Number(stats?.callsCancelled ?? 0n),
    errors,
    // Steps that a bar of the table shows; the load of an idle machine moves by less.
    cpuRatio: Math.round((load?.cpuRatio ?? 0) * 20) / 20,
    memoryRatio: Math.round((load?.memoryRatio ?? 0) * 50) / 50,
    loopLagMs: Math.round((load?.loopLagMs ?? 0) / 10) * 10,
    incarnation: Number(member.incarnation),
    joinedAtUnixMs: Number(member.joinedAtUnixMs),
    resources: resources
      ? {
          cpuCores: resources.cpuCores,
          memoryMib: resources.memoryMib,
          hostname: resources.hostname,
          platform: resources.platform,
        }
      : {},
    beatKnown: beatUnixMs > 0,
  };
  return ROW_FIELDS.map((field) => row[field]);
}

/** Two significant digits. */
function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(2));
}
