import { createHash } from "node:crypto";

import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Load, MemberIdentity, MemberRecord, ReportedCondition } from "../core/member";
import { duplicate } from "../membership/attach-rules";
import type { Store } from "../store/store";
import type { ClusterView } from "./cluster-view";
import type { MemberWriter } from "./member-writer";
import type { MembershipHost } from "./membership-host";

export interface ReportedMembersParts {
  readonly directorId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<Store, "isAvailable">;
  readonly view: ClusterView;
  readonly membership: MembershipHost;
  readonly writer: Pick<MemberWriter, "whenStored">;
  isLeader(): boolean;
}

export interface Registration {
  readonly memberId: string;
  /** False when it was known already. */
  readonly created: boolean;
}

/** How long a registration waits for the store. */
const STORE_PATIENCE_MS = 5_000;
const LOOK_MS = 5_000;
/** A director that is started again has its members back long before. */
const HOME_GONE_MS = 15_000;

/**
 * Members without an agent of ours, at any director. They hang on no connection, so whoever heard of one last judges it:
 * - H1 a registration is in the store before it is answered.
 * - H2 a report at another director than the member's home makes that director its home. The record says so, by a higher `attachment`, and
 *   the other lets go, whatever it wanted to write.
 * - H3 the members of a director that does not come back are taken over by the leader, so that they expire too.
 */
export class ReportedMembers {
  readonly #parts: ReportedMembersParts;
  /** Since when the member's home is away, as far as this director has seen. Only of members there are. */
  readonly #homeGoneSinceMs = new Map<string, number>();

  constructor(parts: ReportedMembersParts) {
    this.#parts = parts;
  }

  /** @throws FabricError DUPLICATE_MEMBER, STORE_UNAVAILABLE */
  async register(identity: MemberIdentity, options: { readonly keepAddress: boolean }): Promise<Registration> {
    const { store, membership, view } = this.#parts;
    if (!store.isAvailable()) throw unavailable("the store does not answer: nothing was changed");
    const known = this.#known(identity);
    const memberId = known?.memberId ?? identity.memberId;
    if (view.directors.has(memberId)) {
      throw new FabricError("DUPLICATE_MEMBER", `${memberId} is the id of a director: choose another`);
    }
    if (known && options.keepAddress && known.state === "alive" && known.address !== identity.address) {
      throw duplicate(identity, known);
    }
    const isTaken = known !== undefined && this.#takeOver(known);
    // Whatever the clock of this director says, it follows what was.
    const before = Math.max(known?.incarnation ?? 0, view.removals.get(memberId)?.incarnation ?? 0);
    const incarnation = Math.max(identity.incarnation, before + 1);
    const changes = membership.apply({ kind: "register", identity: { ...identity, incarnation }, ...options });
    for (const change of changes) if (change.kind === "refused") throw change.error;
    if (isTaken) membership.write(memberId);
    await this.#stored(memberId);
    return { memberId, created: known === undefined };
  }

  /** @throws FabricError INVALID_ARGUMENT when the member has an agent of ours */
  report(record: MemberRecord, load: Load, condition: ReportedCondition | "offline" | undefined): void {
    const { membership } = this.#parts;
    const { memberId, liveness } = record;
    if (liveness.kind !== "reported") {
      throw new FabricError("INVALID_ARGUMENT", `member "${memberId}" lives by the heartbeats of its agent`);
    }
    const isNew = this.#takeOver(record); // H2
    membership.apply({ kind: "report", memberId, load, condition });
    if (isNew) membership.write(memberId);
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(LOOK_MS, signal).catch(() => {});
      if (!signal.aborted) this.#takeOrphans();
    }
  }

  /** H3. The records of such members hang on no lease: nobody else would ever change them. */
  #takeOrphans(): void {
    const { clock, logger, view, membership, directorId, isLeader } = this.#parts;
    const nowMs = clock.monotonicMs();
    for (const memberId of this.#homeGoneSinceMs.keys())
      if (!view.members.has(memberId)) this.#homeGoneSinceMs.delete(memberId);
    for (const record of [...view.members.values()]) {
      const { memberId, homeDirectorId, liveness } = record;
      if (liveness.kind !== "reported") continue;
      // A director that began while the store was away has not seen what was its own.
      const isOwn = homeDirectorId === directorId;
      if ((!isOwn && view.directors.has(homeDirectorId)) || membership.get(memberId)) {
        this.#homeGoneSinceMs.delete(memberId);
        continue;
      }
      const sinceMs = this.#homeGoneSinceMs.get(memberId) ?? nowMs;
      this.#homeGoneSinceMs.set(memberId, sinceMs);
      if (nowMs - sinceMs < HOME_GONE_MS || !(isOwn || isLeader())) continue;
      const why = isOwn ? "it was ours before" : `its director ${homeDirectorId} is gone`;
      logger.info(`${record.label || memberId} is taken over: ${why}`);
      this.#takeOver(record);
      membership.write(memberId);
    }
  }

  /** By its id, or by its label and address, as it is here or at another director. */
  #known({ memberId, label, address }: MemberIdentity): MemberRecord | undefined {
    const { membership, view } = this.#parts;
    const local = membership.findReported(label, address) ?? membership.get(memberId);
    if (local) return local.record;
    for (const record of view.members.values()) {
      if (record.liveness.kind === "reported" && record.label === label && record.address === address) return record;
    }
    return view.members.get(memberId);
  }

  /**
   * Returns whether it was another director's.
   * @throws FabricError DUPLICATE_MEMBER when it is a worker of ours that lives
   */
  #takeOver(record: MemberRecord): boolean {
    const { membership } = this.#parts;
    const { memberId, state, address } = record;
    if (membership.get(memberId)) return false;
    if (record.liveness.kind === "attached" && state !== "dead" && state !== "left") {
      throw new FabricError(
        "DUPLICATE_MEMBER",
        `${memberId} is a worker at ${address}, which is ${state}: choose another id`,
      );
    }
    // Later than what its home may still write of it.
    const attachment = (record.attachment ?? 0) + 1;
    membership.apply({ kind: "adopt", record: { ...record, attachment } });
    return true;
  }

  /** H1 */
  async #stored(memberId: string): Promise<void> {
    const { clock, writer } = this.#parts;
    const waiting = new AbortController();
    const isStored = await Promise.race([
      writer.whenStored(memberId).then(() => true),
      clock.sleep(STORE_PATIENCE_MS, waiting.signal).then(
        () => false,
        () => false,
      ),
    ]);
    waiting.abort();
    if (!isStored)
      throw unavailable(`the store has not taken ${memberId} within ${STORE_PATIENCE_MS} ms: register it again`);
  }
}

/** The same for the same label and address, and another for every other. */
export function reportedIdOf(label: string, address: string): string {
  const whole = `${label}@${address}`;
  const readable = whole.replace(/[^A-Za-z0-9._:-]/g, "-");
  if (readable.length <= 128 && /^[A-Za-z0-9._:-]*$/.test(label)) return readable;
  // What cannot be in an id, or is too much for one, must still tell two members apart.
  return `${readable.slice(0, 111)}-${createHash("sha256").update(whole).digest("hex").slice(0, 16)}`;
}

function unavailable(message: string): FabricError {
  return new FabricError("STORE_UNAVAILABLE", `the member was not registered: ${message}`);
}
