import type { Balancer } from "../balancing/balancer";
import { messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import { isLater, type MemberRecord } from "../core/member";
import { wishOf } from "./attach-service";
import type { ClusterView, FactChange } from "./cluster-view";
import type { MembershipHost } from "./membership-host";
import type { Removal } from "./records";
import type { ServiceContracts } from "./service-contracts";
import type { Sessions } from "./sessions";
import type { PooledEndpoint } from "./worker-pool";

export interface ViewFollowers {
  readonly directorId: string;
  /** Unix time, now. */
  wallMs(): number;
  readonly logger: Logger;
  readonly membership: MembershipHost;
  /** Whether the store does not have yet what this director wants of the member. */
  isWriting(memberId: string): boolean;
  readonly contracts: ServiceContracts;
  readonly sessions: Sessions;
  readonly balancer: Balancer<PooledEndpoint>;
  /** Addresses of all directors, this one first. */
  directors(): readonly string[];
  /** Told when what decides about a member has changed. */
  refresh(memberId: string): void;
  /** The policy while nobody set one for the cluster. */
  readonly defaultPolicy: string;
  /** Told when watchers of endpoints should look again: the policy or the directors changed. */
  changed(): void;
}

/** Carries what the store says to those whom it concerns, for as long as the view tells. */
export function followView(view: ClusterView, parts: ViewFollowers): void {
  view.onChange((changes) => {
    for (const change of changes) follow(view, parts, change);
  });
}

function follow(view: ClusterView, parts: ViewFollowers, { fact }: FactChange): void {
  switch (fact.kind) {
    case "member":
      settleClaim(parts, fact.id, fact.value);
      parts.refresh(fact.id);
      parts.contracts.syncSoon();
      return;
    case "removal":
      if (fact.value) remove(view, parts, fact.id, fact.value);
      return;
    case "intent":
      parts.refresh(fact.id);
      tellIntent(view, parts, fact.id);
      return;
    case "balancing":
      setPolicy(parts, fact.value ?? parts.defaultPolicy);
      return;
    case "descriptors":
      parts.contracts.syncSoon();
      return;
    case "drain":
    case "agent":
      return;
    case "director":
      // Where the workers go when this one dies.
      parts.sessions.sendAll({ kind: "configuration", heartbeatIntervalMs: 0, directors: parts.directors() });
      parts.changed();
      return;
    case "identity":
    case "director-intent":
      return;
    case "leader":
      parts.changed();
      return;
  }
}

/** A worker is judged by the director that it attached to last: this one lets it go, or says again that it is its own. */
function settleClaim(parts: ViewFollowers, memberId: string, record: MemberRecord | undefined): void {
  const { membership, directorId } = parts;
  const local = membership.get(memberId);
  if (!record || !local || record.homeDirectorId === directorId) return;
  if (local.record.liveness.kind === "reported") {
    settleReported(parts, local.record, record);
    return;
  }
  const isAttachedHere = local.sessionId !== undefined;
  if (isLater(local.record, record)) {
    // Somebody wrote over what this director holds, not having seen it.
    if (isAttachedHere) membership.write(memberId);
    return;
  }
  const isSame = !isLater(record, local.record);
  if (!isSame || !isAttachedHere) membership.apply({ kind: "release", memberId });
}

/** Whoever heard of it last judges it. What is being written here comes after what the store says, or is refused there. */
function settleReported({ membership, isWriting }: ViewFollowers, local: MemberRecord, stored: MemberRecord): void {
  const { memberId } = local;
  if (isWriting(memberId)) return;
  if (isLater(local, stored)) membership.write(memberId);
  else membership.apply({ kind: "release", memberId });
}

/** Wherever it was asked for, it is the member's own director that closes its stream. */
function remove(view: ClusterView, { membership }: ViewFollowers, memberId: string, removal: Removal): void {
  const { incarnation, reason } = removal;
  const local = membership.get(memberId);
  if (local && local.record.incarnation <= incarnation) membership.apply({ kind: "remove", memberId, reason });
  const shown = view.members.get(memberId);
  if (shown && shown.incarnation <= incarnation) view.endOrphan(memberId, { kind: "removed", reason });
}

function tellIntent(view: ClusterView, { sessions, wallMs }: ViewFollowers, memberId: string): void {
  const intent = view.intent(memberId);
  sessions.send(memberId, wishOf(intent, wallMs()));
}

function setPolicy({ balancer, logger, changed }: ViewFollowers, name: string): void {
  try {
    balancer.setPolicy(name);
    logger.info(`🔄 Load balancing strategy: ${displayName(balancer.policyName)}`);
  } catch (error) {
    logger.error("the cluster's policy is not known here; the one before goes on", { reason: messageOf(error) });
  }
  changed();
}

/** "LeastConnections" for "least-connections": the spelling of the log lines of the system this replaces. */
export function displayName(policy: string): string {
  return policy.replace(/(^|-)([a-z])/g, (_match, _dash, letter: string) => letter.toUpperCase());
}
