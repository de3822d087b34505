import type { Balancer } from "../balancing/balancer";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { MemberRecord } from "../core/member";
import { isDrained } from "./attach-service";
import type { ClusterView, FactChange } from "./cluster-view";
import type { MembershipHost } from "./membership-host";
import type { ServiceContracts } from "./service-contracts";
import type { Sessions } from "./sessions";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface ViewFollowerParts {
  readonly directorId: string;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly membership: MembershipHost;
  readonly pool: WorkerPool;
  readonly contracts: ServiceContracts;
  readonly sessions: Sessions;
  readonly balancer: Balancer<PooledEndpoint>;
  /** The policy while nobody set one for the cluster. */
  readonly defaultPolicy: string;
  /** Told when watchers of endpoints should look again: the policy or the directors changed. */
  changed(): void;
}

/** Carries what the store says to those whom it concerns. */
export class ViewFollower {
  readonly #parts: ViewFollowerParts;

  constructor(parts: ViewFollowerParts) {
    this.#parts = parts;
    parts.view.onChange((changes) => this.#follow(changes));
  }

  /** The member joined, changed, or is gone. */
  memberChanged(memberId: string): void {
    this.#parts.pool.refresh(memberId);
    this.#parts.contracts.syncSoon();
  }

  #follow(changes: readonly FactChange[]): void {
    for (const { fact } of changes) {
      switch (fact.kind) {
        case "member":
          this.#releaseIfMoved(fact.id, fact.value);
          this.memberChanged(fact.id);
          break;
        case "intent":
          this.#parts.pool.refresh(fact.id);
          this.#tellIntent(fact.id);
          break;
        case "balancing":
          this.#setPolicy(fact.value ?? this.#parts.defaultPolicy);
          break;
        case "descriptors":
          this.#parts.contracts.syncSoon();
          break;
        case "director":
        case "leader":
          this.#parts.changed();
          break;
      }
    }
  }

  /** A worker that attached to another director is judged there. */
  #releaseIfMoved(memberId: string, record: MemberRecord | undefined): void {
    const { membership, directorId } = this.#parts;
    const local = membership.get(memberId);
    if (!record || !local || record.homeDirectorId === directorId) return;
    const isNewer = record.incarnation > local.record.incarnation;
    const isSame = record.incarnation === local.record.incarnation;
    if (isNewer || (isSame && local.sessionId === undefined)) membership.apply({ kind: "release", memberId });
  }

  #tellIntent(memberId: string): void {
    const { view, sessions } = this.#parts;
    const intent = view.intent(memberId);
    if (isDrained(intent)) sessions.send(memberId, { kind: "drain", reason: intent.reason || intent.kind });
    else sessions.send(memberId, { kind: "undrain" });
  }

  #setPolicy(name: string): void {
    const { balancer, logger } = this.#parts;
    try {
      balancer.setPolicy(name);
      logger.info(`🔄 Load balancing strategy: ${displayName(balancer.policyName)}`);
    } catch (error) {
      logger.error("the cluster's policy is not known here; the one before goes on", { reason: messageOf(error) });
    }
    this.#parts.changed();
  }
}

/** "LeastConnections" for "least-connections": the spelling of the log lines of the system this replaces. */
export function displayName(policy: string): string {
  return policy.replace(/(^|-)([a-z])/g, (_match, _dash, letter: string) => letter.toUpperCase());
}
