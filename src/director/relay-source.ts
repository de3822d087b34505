import type { Balancer } from "../balancing/balancer";
import { DEFAULT_INTENT } from "../core/member";
import type { DescriptorCatalog } from "../wire/descriptor-catalog";
import type { ClusterView } from "./cluster-view";
import type { MaintenanceSwitch } from "./director-maintenance";
import type { CallMeter } from "./measures/call-meter";
import type { CallWatch } from "./measures/call-watch";
import type { MembershipHost } from "./membership-host";
import type { SlotCredits } from "./capacity/slot-credits";
import type { RelaySource } from "./relays";
import type { PooledEndpoint, WorkerPool } from "./worker-pool";

export interface RelaySourceParts {
  readonly view: ClusterView;
  readonly membership: MembershipHost;
  readonly pool: WorkerPool;
  readonly credits: SlotCredits;
  readonly maintenance: MaintenanceSwitch;
  readonly balancer: Balancer<PooledEndpoint>;
  readonly catalog: DescriptorCatalog;
  readonly meter: CallMeter;
  readonly callWatch: CallWatch;
}

/** What a director lets its relay processes know, read from where it has it. */
export function relaySource(parts: RelaySourceParts): RelaySource {
  const { view, membership, pool, credits, balancer, catalog, meter, callWatch } = parts;
  return {
    memberIds: () =>
      new Set([...view.members.keys(), ...[...membership.members()].map(({ record }) => record.memberId)]),
    facts: (memberId) => {
      const local = membership.get(memberId);
      const stored = credits.asToldBy(view.members.get(memberId));
      const record = stored ?? local?.record;
      if (!record) return undefined;
      const intent = view.intent(memberId);
      return {
        record,
        shared: stored !== undefined,
        ...(intent === DEFAULT_INTENT ? {} : { intent }),
        ...(local ? { local: { ready: local.ready, notReadyReason: local.notReadyReason } } : {}),
      };
    },
    load: (memberId) => membership.get(memberId)?.load,
    isInMaintenance: () => parts.maintenance.isOn,
    policy: () => balancer.policyName,
    idempotentPaths: () => catalog.idempotentPaths,
    resumablePaths: () => catalog.resumablePaths,
    describedPaths: () => catalog.paths,
    slots: (memberId) => {
      const { slots = 0 } = view.members.get(memberId) ?? membership.get(memberId)?.record ?? {};
      return slots === 0 ? undefined : Math.min(slots, credits.usable(memberId));
    },
    inFlight: (memberId, calls) => {
      pool.endpoint(memberId)?.setElsewhere(calls, 0);
      credits.tellSoon();
    },
    queuedChanged: () => credits.tellSoon(),
    measured: (measures) => meter.add(measures),
    callsEnded: (batch) => callWatch.tell(batch),
  };
}
