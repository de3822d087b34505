import { type Load, NO_LOAD } from "../core/member";
import type { MemberFacts, RelaySource } from "../director/relays";
import type { Update } from "./messages";

/**
 * What one relay process has not been told yet. Only what changed is kept, not the values: these are read when an update is
 * taken, so any number of changes of a member takes the room of one.
 */
export class PendingUpdate {
  readonly #source: RelaySource;
  readonly #members = new Set<string>();
  readonly #loads = new Set<string>();
  /** Gone since the latest update, and back again maybe. */
  readonly #forgotten = new Set<string>();
  readonly #elsewhere = new Map<string, number>();
  readonly #shares = new Map<string, number>();
  #settingsMayDiffer = true;
  #policy: string | undefined;
  #maintenance = false;
  #idempotentPaths: readonly string[] | undefined;
  #resumablePaths: readonly string[] | undefined;
  #describedPaths: readonly string[] | undefined;
  #revision = 0;

  constructor(source: RelaySource) {
    this.#source = source;
    for (const memberId of source.memberIds()) {
      this.#members.add(memberId);
      this.#loads.add(memberId);
    }
  }

  /** Of the latest update taken. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether there is anything to tell that decides who may be picked, or how. */
  get isUrgent(): boolean {
    return this.#members.size > 0 || this.#shares.size > 0 || this.#settingsMayDiffer;
  }

  get isEmpty(): boolean {
    return !this.isUrgent && this.#loads.size === 0 && this.#elsewhere.size === 0;
  }

  memberChanged(memberId: string): void {
    this.#members.add(memberId);
    // What is known of its load may be older than what is known of itself.
    this.#loads.add(memberId);
  }

  loadChanged(memberId: string): void {
    this.#loads.add(memberId);
  }

  elsewhereChanged(memberId: string, calls: number): void {
    this.#elsewhere.set(memberId, calls);
  }

  shareChanged(memberId: string, slots: number): void {
    this.#shares.set(memberId, slots);
  }

  /** What was told of its load, calls and slots holds no more, also if it comes back before the process hears that it went. */
  forget(memberId: string): void {
    this.#members.add(memberId);
    this.#forgotten.add(memberId);
    this.#elsewhere.set(memberId, 0);
    this.#shares.set(memberId, 0);
  }

  settingsChanged(): void {
    this.#settingsMayDiffer = true;
  }

  /** Everything that is pending, as one update. It is not pending any more. */
  take(): Update {
    this.#revision += 1;
    const members = [...this.#members].map((memberId): [string, MemberFacts | null] => [
      memberId,
      this.#source.facts(memberId) ?? null,
    ]);
    const loads = [...this.#loads].flatMap((memberId): [string, Load][] => {
      const load = this.#source.load(memberId) ?? (this.#forgotten.has(memberId) ? NO_LOAD : undefined);
      return load ? [[memberId, load]] : [];
    });
    const elsewhere = [...this.#elsewhere];
    const shares = [...this.#shares];
    this.#members.clear();
    this.#loads.clear();
    this.#forgotten.clear();
    this.#elsewhere.clear();
    this.#shares.clear();
    return {
      revision: this.#revision,
      ...(members.length > 0 ? { members } : {}),
      ...(loads.length > 0 ? { loads } : {}),
      ...(elsewhere.length > 0 ? { elsewhere } : {}),
      ...(shares.length > 0 ? { shares } : {}),
      ...this.#takeSettings(),
    };
  }

  #takeSettings(): Pick<Update, "policy" | "maintenance" | "idempotentPaths" | "resumablePaths" | "describedPaths"> {
    if (!this.#settingsMayDiffer) return {};
    this.#settingsMayDiffer = false;
    const policy = this.#source.policy();
    const maintenance = this.#source.isInMaintenance();
    const idempotentPaths = this.#source.idempotentPaths();
    const resumablePaths = this.#source.resumablePaths();
    const describedPaths = this.#source.describedPaths();
    const changed = {
      ...(policy === this.#policy ? {} : { policy }),
      ...(maintenance === this.#maintenance ? {} : { maintenance }),
      ...(idempotentPaths === this.#idempotentPaths ? {} : { idempotentPaths }),
      ...(resumablePaths === this.#resumablePaths ? {} : { resumablePaths }),
      ...(describedPaths === this.#describedPaths ? {} : { describedPaths }),
    };
    this.#policy = policy;
    this.#maintenance = maintenance;
    this.#idempotentPaths = idempotentPaths;
    this.#resumablePaths = resumablePaths;
    this.#describedPaths = describedPaths;
    return changed;
  }
}
