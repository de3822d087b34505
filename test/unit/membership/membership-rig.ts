import { NO_LOAD, NO_RESOURCES, type MemberIdentity, type MemberState } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import type { Change, EventOf, MembershipEvent, MemberView } from "../../../src/membership/events";
import { Membership } from "../../../src/membership/membership";
import { membershipDefaults, type MembershipOptions } from "../../../src/membership/membership-options";

export const WALL_OFFSET_MS = 1_700_000_000_000;

export function identityOf(memberId: string, overrides: Partial<MemberIdentity> = {}): MemberIdentity {
  return {
    memberId,
    label: memberId,
    address: `${memberId}.example:62001`,
    incarnation: 1,
    services: ["heddle.compute.v1.ComputeService"],
    descriptorSetHash: "",
    slots: 0,
    tags: {},
    resources: NO_RESOURCES,
    role: "worker",
    version: "1.0.0",
    dataKeepalive: true,
    liveness: { kind: "attached" },
    ...overrides,
  };
}

export function reportedIdentity(memberId: string, overrides: Partial<MemberIdentity> = {}): MemberIdentity {
  return identityOf(memberId, { liveness: { kind: "reported", ttlMs: 30_000 }, ...overrides });
}

/** A worker as the rig plays it: its session and how far its beats have come. */
interface PlayedWorker {
  identity: MemberIdentity;
  sessionId: string;
  seq: number;
  /** Whether `run` lets it beat. */
  beats: boolean;
  nextBeatMs: number;
}

/**
 * A director's membership on a clock that the test moves, and workers that beat. The director ticks as it should unless the
 * test moves the time by hand (`nowMs`), which is then a stall.
 */
export class MembershipRig {
  readonly options: MembershipOptions;
  readonly membership: Membership;
  readonly workers = new Map<string, PlayedWorker>();
  /** Everything that was ever changed. */
  readonly log: Change[] = [];
  nowMs = 5_000;
  wallOffsetMs = WALL_OFFSET_MS;
  #sessions = 0;

  constructor(overrides: Partial<MembershipOptions> = {}, seed = 1) {
    this.options = { ...membershipDefaults(1_000), ...overrides };
    this.membership = new Membership({ directorId: "director-1", random: seededRandom(seed), options: this.options });
    this.apply({ kind: "tick" });
  }

  apply(event: MembershipEvent): readonly Change[] {
    const changes = this.membership.apply(event, {
      monotonicMs: this.nowMs,
      wallMs: this.nowMs + this.wallOffsetMs,
    });
    this.log.push(...changes);
    return changes;
  }

  attach(memberId: string, overrides: Partial<MemberIdentity> = {}, extra: Partial<EventOf<"attach">> = {}) {
    const identity = identityOf(memberId, overrides);
    this.#sessions += 1;
    const sessionId = `session-${this.#sessions}`;
    const changes = this.apply({ kind: "attach", sessionId, identity, ...extra });
    if (!changes.some((change) => change.kind === "refused")) {
      const intervalMs = extra.heartbeatIntervalMs ?? this.options.heartbeatIntervalMs;
      const nextBeatMs = this.nowMs + intervalMs;
      this.workers.set(memberId, { identity, sessionId, seq: 0, beats: true, nextBeatMs });
    }
    return changes;
  }

  /** Attached, with its data link up, and beating. */
  join(...memberIds: string[]): void {
    for (const memberId of memberIds) {
      this.attach(memberId);
      this.dataLink(memberId, true);
    }
  }

  beat(memberId: string, overrides: Partial<EventOf<"beat">> = {}): readonly Change[] {
    const worker = this.worker(memberId);
    worker.seq += 1;
    const { sessionId, seq } = worker;
    return this.apply({ kind: "beat", memberId, sessionId, seq, load: NO_LOAD, serving: true, ...overrides });
  }

  dataLink(memberId: string, up: boolean, reason = up ? "connected" : "connection refused"): readonly Change[] {
    return this.apply({ kind: "data-link", memberId, up, reason });
  }

  /** The worker falls silent in `run`. */
  silence(...memberIds: string[]): void {
    for (const memberId of memberIds) this.worker(memberId).beats = false;
  }

  breakStream(memberId: string, reason = "ECONNRESET"): readonly Change[] {
    this.silence(memberId);
    return this.apply({ kind: "stream-broken", memberId, sessionId: this.worker(memberId).sessionId, reason });
  }

  /** Lets time pass as it does for a healthy director: it ticks on time, and reads every beat when it comes. */
  run(durationMs: number): Change[] {
    const from = this.log.length;
    const endMs = this.nowMs + durationMs;
    let nextTickMs = this.nowMs;
    for (;;) {
      const next = this.#nextBeat();
      const isBeat = next !== undefined && next.worker.nextBeatMs <= nextTickMs;
      const dueMs = isBeat ? next.worker.nextBeatMs : nextTickMs;
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      if (isBeat) this.#playBeat(next.memberId, next.worker);
      else {
        this.apply({ kind: "tick" });
        nextTickMs += this.options.tickIntervalMs;
      }
    }
    this.nowMs = endMs;
    return this.log.slice(from);
  }

  /** The director does not run for `durationMs` (SIGSTOP): the workers go on, and what they send waits in the sockets. */
  stall(durationMs: number): { deliver: () => void } {
    this.nowMs += durationMs;
    const waiting: string[] = [];
    for (let next = this.#nextBeat(); next && next.worker.nextBeatMs <= this.nowMs; next = this.#nextBeat()) {
      next.worker.nextBeatMs += this.options.heartbeatIntervalMs;
      waiting.push(next.memberId);
    }
    return { deliver: () => waiting.forEach((memberId) => this.beat(memberId)) };
  }

  worker(memberId: string): PlayedWorker {
    const worker = this.workers.get(memberId);
    if (!worker) throw new Error(`the test has no worker ${memberId}`);
    return worker;
  }

  view(memberId: string): MemberView {
    const view = this.membership.get(memberId);
    if (!view) throw new Error(`membership does not know ${memberId}`);
    return view;
  }

  state(memberId: string): MemberState | undefined {
    return this.membership.get(memberId)?.record.state;
  }

  #playBeat(memberId: string, worker: PlayedWorker): void {
    worker.nextBeatMs += this.options.heartbeatIntervalMs;
    this.beat(memberId);
  }

  #nextBeat(): { memberId: string; worker: PlayedWorker } | undefined {
    let earliest: { memberId: string; worker: PlayedWorker } | undefined;
    for (const [memberId, worker] of this.workers) {
      if (!worker.beats || this.membership.get(memberId)?.sessionId !== worker.sessionId) continue;
      if (!earliest || worker.nextBeatMs < earliest.worker.nextBeatMs) earliest = { memberId, worker };
    }
    return earliest;
  }
}

export function kindsOf(changes: readonly Change[]): string[] {
  return changes.map((change) => change.kind);
}

export function only<Kind extends Change["kind"]>(
  changes: readonly Change[],
  kind: Kind,
): Extract<Change, { kind: Kind }>[] {
  return changes.filter((change): change is Extract<Change, { kind: Kind }> => change.kind === kind);
}

/** "alive→suspect" for each transition of a member. */
export function pathOf(changes: readonly Change[], memberId: string): string[] {
  return only(changes, "transition")
    .filter((change) => change.memberId === memberId)
    .map((change) => `${change.from ?? "·"}→${change.record.state}`);
}
