import type { MethodTraits } from "../core/call";
import type { CancelTimer, Clock } from "../core/clock";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { MemberIdentity } from "../core/member";
import { PacedTask } from "../core/paced-task";
import type { Condition, Store } from "../store/store";
import type { DescriptorCatalog } from "../wire/descriptor-catalog";
import type { ClusterView } from "./cluster-view";
import { KEYS } from "./records";

export interface ServiceContractsParts {
  readonly clock: Clock;
  readonly catalog: DescriptorCatalog;
  readonly store: Store;
  readonly view: ClusterView;
  readonly logger: Logger;
  /** Members that may answer calls, local ones included. */
  members(): Iterable<MemberIdentity>;
  /** The condition for writes that only the leader may do; `undefined` while another director leads, or nobody. */
  fence(): Condition | undefined;
  /** Told after what is known of methods may have changed. */
  changed(): void;
}

/**
 * Pause between two looks at all members, for each of them: a look takes some microseconds of each. Up to 25 members there is
 * no pause.
 */
const PAUSE_MS_PER_MEMBER = 0.04;

/**
 * How long a contract stays in the store after its last member went. Another director may have taken a worker with it that this
 * one does not see yet; and a fleet that is restarted comes back with the same contract.
 */
const UNUSED_KEPT_MS = 60_000;

/** What is not known of a method's contract: any number of messages, and not to be run twice. */
const UNKNOWN: MethodTraits = { requestStream: true, responseStream: true, idempotent: false, resumable: false };

/**
 * The contracts of the workers' services: kept in the store by hash, so that every director can describe every worker, and in
 * the catalogue that reflection reads.
 */
export class ServiceContracts {
  readonly #parts: ServiceContractsParts;
  /** Hashes of sets in the store that cannot be used: not worth parsing again at every change. */
  readonly #refused = new Set<string>();
  /** Hashes of sets that are on their way to the store. */
  readonly #storing = new Set<string>();
  /** Hashes of sets that no member has, and since when (monotonic). */
  readonly #unusedSinceMs = new Map<string, number>();
  #cancelRecheck: CancelTimer = () => {};
  readonly #syncing: PacedTask;

  constructor(parts: ServiceContractsParts) {
    this.#parts = parts;
    const sync = () => {
      this.sync();
      void this.#collect();
    };
    this.#syncing = new PacedTask(parts.clock, sync, () => PAUSE_MS_PER_MEMBER * parts.view.members.size);
  }

  has(hash: string): boolean {
    return this.#parts.view.descriptors.has(hash);
  }

  /** @throws FabricError DESCRIPTOR_CONFLICT; nothing is changed then */
  take(hash: string, fileDescriptorSet: Uint8Array): void {
    const { catalog, view } = this.#parts;
    // Workers that attach at the same moment all send the set that none of them has sent yet.
    if (!catalog.has(hash)) {
      catalog.add(hash, fileDescriptorSet);
      this.sync();
    }
    if (!view.descriptors.has(hash) && !this.#storing.has(hash)) void this.#put(hash, fileDescriptorSet);
  }

  /** Brings the catalogue in line with who is there, once for all changes of a moment. */
  syncSoon(): void {
    this.#syncing.soon();
  }

  stop(): void {
    this.#syncing.cancel();
    this.#cancelRecheck();
  }

  /** Other directors can describe the worker only with the store's copy; this one can without. */
  async #put(hash: string, fileDescriptorSet: Uint8Array): Promise<void> {
    const { store, logger } = this.#parts;
    this.#storing.add(hash);
    try {
      await store.put(KEYS.descriptors(hash), fileDescriptorSet);
    } catch (error) {
      logger.warn("the store did not take a contract; only this director can describe it", {
        hash,
        reason: messageOf(error),
      });
    } finally {
      this.#storing.delete(hash);
    }
  }

  sync(): void {
    const { catalog, view, logger } = this.#parts;
    const members = [...this.#parts.members()];
    let added = false;
    for (const hash of catalog.sync(members)) {
      const bytes = view.descriptors.get(hash);
      if (!bytes || this.#refused.has(hash)) continue;
      try {
        catalog.add(hash, bytes);
        added = true;
      } catch (error) {
        this.#refused.add(hash);
        logger.warn("a contract in the store cannot be used", { hash, reason: messageOf(error) });
      }
    }
    if (added) catalog.sync(members);
    this.#parts.changed();
  }

  /**
   * Deletes contracts from the store that no member has any more, dead and departed ones included: they may come back. A duty of the
   * leader, fenced: another director's view may be old, and show nobody who has a contract that is in use.
   */
  async #collect(): Promise<void> {
    const { store, view, logger, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const used = new Set(
      [...view.members.values(), ...this.#parts.members()].map((member) => member.descriptorSetHash),
    );
    for (const hash of view.descriptors.keys()) {
      if (used.has(hash)) {
        this.#unusedSinceMs.delete(hash);
        continue;
      }
      const sinceMs = this.#unusedSinceMs.get(hash) ?? nowMs;
      this.#unusedSinceMs.set(hash, sinceMs);
      const fence = this.#parts.fence();
      const leftMs = fence ? sinceMs + UNUSED_KEPT_MS - nowMs : UNUSED_KEPT_MS;
      if (!fence || leftMs > 0) {
        this.#cancelRecheck();
        this.#cancelRecheck = clock.after(leftMs, () => this.syncSoon());
        continue;
      }
      this.#refused.delete(hash);
      this.#unusedSinceMs.delete(hash);
      const key = KEYS.descriptors(hash);
      const conditions = [fence, { key, modRevision: view.modRevision(key) }];
      await store.commit({ conditions, operations: [{ kind: "delete", key }] }).catch((error: unknown) => {
        logger.debug("an unused contract stays in the store for now", { hash, reason: messageOf(error) });
      });
    }
  }

  /** By "/package.Service/Method". */
  traits(path: string): MethodTraits {
    return this.#parts.catalog.method(path) ?? UNKNOWN;
  }
}
