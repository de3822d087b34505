import type { MethodTraits } from "../core/call";
import { DEFAULT_INTENT, NO_LOAD, type Intent, type Load, type MemberRecord } from "../core/member";
import type { MemberFacts } from "../director/relays";
import type { LocalView } from "../director/worker-pool";
import type { Update } from "./messages";

/** Whom a mirror tells what an update changed. */
export interface MirrorFollower {
  memberChanged(memberId: string): void;
  loadChanged(memberId: string, load: Load): void;
  elsewhereChanged(memberId: string): void;
  policyChanged(policy: string): void;
}

const ONCE: MethodTraits = { requestStream: true, responseStream: true, idempotent: false, resumable: false };

/** The director's view of the cluster in one of its relay processes, put together of updates. */
export class MemberMirror {
  /** Whether the director's calls for workers are refused. */
  readonly maintenance = { isOn: false };
  readonly #facts = new Map<string, MemberFacts>();
  readonly #loads = new Map<string, Load>();
  readonly #callsElsewhere = new Map<string, number>();
  readonly #shares = new Map<string, number>();
  #idempotentPaths: readonly string[] = [];
  #resumablePaths: readonly string[] = [];
  #describedPaths: ReadonlySet<string> = new Set();
  /** Of methods of which more is known than that they exist. */
  #traits: ReadonlyMap<string, MethodTraits> = new Map();

  /** Updates must come in order, none left out. */
  apply(update: Update, follower: MirrorFollower): void {
    if (update.idempotentPaths || update.resumablePaths) this.#takeTraits(update);
    if (update.maintenance !== undefined) this.maintenance.isOn = update.maintenance;
    if (update.describedPaths) this.#describedPaths = new Set(update.describedPaths);
    if (update.policy !== undefined) follower.policyChanged(update.policy);
    // Before the members: a new endpoint starts with what is known of it.
    for (const [memberId, load] of update.loads ?? []) this.#loads.set(memberId, load);
    for (const [memberId, calls] of update.elsewhere ?? []) this.#callsElsewhere.set(memberId, calls);
    for (const [memberId, slots] of update.shares ?? []) this.#shares.set(memberId, slots);
    for (const [memberId, facts] of update.members ?? []) {
      if (facts) {
        this.#facts.set(memberId, facts);
      } else {
        this.#facts.delete(memberId);
        this.#loads.delete(memberId);
        this.#callsElsewhere.delete(memberId);
        this.#shares.delete(memberId);
      }
      follower.memberChanged(memberId);
    }
    for (const [memberId, load] of update.loads ?? []) follower.loadChanged(memberId, load);
    for (const [memberId] of update.elsewhere ?? []) follower.elsewhereChanged(memberId);
    for (const [memberId] of update.shares ?? []) follower.elsewhereChanged(memberId);
  }

  /** Everybody who is known, also who is not picked. */
  *records(): Iterable<MemberRecord> {
    for (const { record } of this.#facts.values()) yield record;
  }

  /** As the shared record has it. */
  record(memberId: string): MemberRecord | undefined {
    const facts = this.#facts.get(memberId);
    return facts?.shared ? facts.record : undefined;
  }

  intent(memberId: string): Intent {
    return this.#facts.get(memberId)?.intent ?? DEFAULT_INTENT;
  }

  /** As the director judges it; `undefined` when another director does. */
  local(memberId: string): LocalView | undefined {
    const local = this.#facts.get(memberId)?.local;
    // Membership goes by the director's own connection, so nobody has to hear of ours.
    return local && { ...local, load: this.#loads.get(memberId) ?? NO_LOAD, dataLinkUp: true };
  }

  /** Calls that the director's other processes have on it. */
  callsElsewhere(memberId: string): number {
    return this.#callsElsewhere.get(memberId) ?? 0;
  }

  /** Of its slots, those that the director's other processes may use, and this one may not. */
  slotsElsewhere(memberId: string): number {
    const slots = this.#facts.get(memberId)?.record.slots ?? 0;
    return slots === 0 ? 0 : slots - Math.min(slots, this.#shares.get(memberId) ?? 0);
  }

  traits(path: string): MethodTraits {
    return this.#traits.get(path) ?? ONCE;
  }

  /** Whether there is a contract of the method "/package.Service/Method". */
  isDescribed(path: string): boolean {
    return this.#describedPaths.has(path);
  }

  #takeTraits({ idempotentPaths, resumablePaths }: Update): void {
    this.#idempotentPaths = idempotentPaths ?? this.#idempotentPaths;
    this.#resumablePaths = resumablePaths ?? this.#resumablePaths;
    const traits = new Map(this.#idempotentPaths.map((path) => [path, { ...ONCE, idempotent: true }]));
    for (const path of this.#resumablePaths) traits.set(path, { ...(traits.get(path) ?? ONCE), resumable: true });
    this.#traits = traits;
  }
}
