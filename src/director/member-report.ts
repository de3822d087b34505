import { agentsMaxOf, NO_LOAD, takesAgents, type MemberRecord } from "../core/member";
import type { WireMember } from "../wire/contract";
import {
  conditionToWire,
  intentToWire,
  loadToWire,
  resourcesToWire,
  stateToWire,
  tagsToWire,
} from "../wire/member-codec";
import type { Agents } from "./agents/agents";
import type { ClusterView } from "./cluster-view";
import type { MembershipHost } from "./membership-host";
import type { Orphans } from "./orphans";
import type { WorkerPool } from "./worker-pool";

/** Members as this director sees them: the shared record, and what only it knows of those attached to it. */
export class MemberReport {
  readonly #view: ClusterView;
  readonly #membership: MembershipHost;
  readonly #pool: WorkerPool;
  readonly #orphans: Pick<Orphans, "reason">;
  readonly #agents: Pick<Agents, "countAt">;
  readonly #monotonicMs: () => number;

  constructor(
    view: ClusterView,
    membership: MembershipHost,
    pool: WorkerPool,
    orphans: Pick<Orphans, "reason">,
    agents: Pick<Agents, "countAt">,
    monotonicMs: () => number,
  ) {
    this.#view = view;
    this.#membership = membership;
    this.#pool = pool;
    this.#orphans = orphans;
    this.#agents = agents;
    this.#monotonicMs = monotonicMs;
  }

  /** By id, ascending. A local member is shown as it is here, even before the store has it. */
  records(): MemberRecord[] {
    const records = new Map(this.#view.members);
    for (const { record } of this.#membership.members()) records.set(record.memberId, record);
    return [...records.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  }

  record(memberId: string): MemberRecord | undefined {
    return this.#membership.get(memberId)?.record ?? this.#view.members.get(memberId);
  }

  toWire(record: MemberRecord): WireMember {
    const { memberId } = record;
    const local = this.#membership.get(memberId);
    const notReadyReason = this.#pool.notReadyReason(memberId);
    return {
      memberId,
      label: record.label,
      address: record.address,
      incarnation: BigInt(record.incarnation),
      state: stateToWire(record.state),
      stateReason: this.#orphans.reason(record) ?? record.stateReason,
      stateSinceUnixMs: BigInt(record.stateSinceUnixMs),
      intent: intentToWire(this.#view.intent(memberId)),
      role: record.role,
      tags: tagsToWire(record.tags),
      services: [...record.services],
      slots: record.slots,
      resources: resourcesToWire(record.resources),
      load: loadToWire(local?.load ?? NO_LOAD),
      homeDirectorId: record.homeDirectorId,
      descriptorSetHash: record.descriptorSetHash,
      version: record.version,
      joinedAtUnixMs: BigInt(record.joinedAtUnixMs),
      lastHeartbeatUnixMs: BigInt(local?.lastBeatUnixMs ?? 0),
      phi: local?.phi(this.#monotonicMs()) ?? 0,
      directorInFlight: this.#pool.endpoint(memberId)?.inFlight ?? 0,
      ready: notReadyReason === "",
      notReadyReason,
      takesAgents: takesAgents(record),
      agentsMax: agentsMaxOf(record),
      agents: this.#agents.countAt(memberId),
      condition: conditionToWire(record.condition),
      reported: record.liveness.kind === "reported",
      roundTripMs: this.#pool.endpoint(memberId)?.connection.roundTripMs ?? 0,
    };
  }
}
