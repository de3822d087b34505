import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { MemberState } from "../core/member";
import type { Random } from "../core/random";
import { NO_CHANGES, type Change, type Instant, type MembershipEvent, type MemberView } from "../membership/events";
import { Membership } from "../membership/membership";
import type { MembershipOptions } from "../membership/membership-options";
import type { MemberWriter } from "./member-writer";
import type { Sessions } from "./sessions";

export interface MembershipHostParts {
  readonly directorId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: MembershipOptions;
  readonly sessions: Sessions;
  readonly writer: Pick<MemberWriter, "put" | "delete">;
  /** Told at once, without waiting for the store, when a local member may or may not be picked. */
  readinessChanged(memberId: string): void;
}

const SIGNS: Readonly<Record<MemberState, string>> = {
  joining: "👋",
  alive: "✅",
  suspect: "❓",
  dead: "💀",
  draining: "🚪",
  left: "👋",
};

/** Runs the membership state machine: hands it events and the time, and carries out what it decides. */
export class MembershipHost {
  readonly #parts: MembershipHostParts;
  readonly #membership: Membership;
  #stopped = false;

  constructor(parts: MembershipHostParts) {
    this.#parts = parts;
    this.#membership = new Membership({ directorId: parts.directorId, random: parts.random, options: parts.options });
  }

  get(memberId: string): MemberView | undefined {
    return this.#membership.get(memberId);
  }

  /** The member that a registration without an agent, with this label and address, is. */
  findReported(label: string, address: string): MemberView | undefined {
    return this.#membership.findReported(label, address);
  }

  members(): Iterable<MemberView> {
    return this.#membership.members();
  }

  /** Applies the event and carries out the changes that follow, which are also returned. */
  apply(event: MembershipEvent): readonly Change[] {
    if (this.#stopped) return NO_CHANGES;
    const changes = this.#membership.apply(event, this.#now());
    for (const change of changes) this.#carryOut(change);
    return changes;
  }

  /** Judges nobody from now on: the streams that end next are ended by this director. */
  stop(): void {
    this.#stopped = true;
  }

  /** Lets time pass for the members until `signal` aborts. */
  async tick(signal: AbortSignal): Promise<void> {
    const { clock, options } = this.#parts;
    while (!signal.aborted) {
      this.apply({ kind: "tick" });
      await clock.sleep(options.tickIntervalMs, signal).catch(() => {});
    }
  }

  /** Writes a local member again: its record went. */
  write(memberId: string): void {
    const member = this.#membership.get(memberId);
    if (member) this.#parts.writer.put(member.record);
  }

  /** Writes every local member again: the lease that held the records is gone. */
  writeAll(): void {
    for (const { record } of this.#membership.members()) this.#parts.writer.put(record);
  }

  #now(): Instant {
    const { clock } = this.#parts;
    return { monotonicMs: clock.monotonicMs(), wallMs: Math.floor(clock.wallMs()) };
  }

  #carryOut(change: Change): void {
    const { sessions, writer, logger } = this.#parts;
    switch (change.kind) {
      case "transition": {
        const { memberId, record, from, reason } = change;
        if (from !== record.state) {
          const level = record.state === "suspect" || record.state === "dead" ? "warn" : "info";
          logger[level](`${SIGNS[record.state]} ${record.label || memberId} at ${record.address} is ${record.state}`, {
            reason,
          });
        }
        writer.put(record);
        return;
      }
      case "readiness":
        this.#parts.readinessChanged(change.memberId);
        return;
      case "probe": {
        const { memberId, address, probeId, timeoutMs, via } = change;
        for (const prober of via)
          sessions.send(prober, { kind: "probe-request", probeId, memberId, address, timeoutMs });
        return;
      }
      case "close-session":
        sessions.close(change.sessionId, change.error);
        return;
      case "forget":
        writer.delete(change.memberId);
        return;
      case "refused":
        logger.warn(`⛔ refused ${change.memberId}`, { reason: change.error.message });
        return;
    }
  }
}
