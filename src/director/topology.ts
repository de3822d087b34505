import type { MemberRecord } from "../core/member";
import type { Leader } from "../store/election";
import { TopologyType, type GetTopologyResponse, type Zone } from "../wire/contract";
import type { ClusterView } from "./cluster-view";
import { directorInfo } from "./director-maintenance";
import type { MemberReport } from "./member-report";
import type { WorkerPool } from "./worker-pool";

/** The tag that says in which zone a member is. */
const ZONE_TAG = "zone";

export interface TopologyParts {
  readonly directorId: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly view: ClusterView;
  readonly report: MemberReport;
  readonly pool: Pick<WorkerPool, "notReadyReason">;
  leader(): Leader | undefined;
}

/** What GetTopology answers. */
export function topology(parts: TopologyParts): GetTopologyResponse {
  const { view, report, clusterId, clusterName } = parts;
  const directors = [...view.directors.values()].map((director) =>
    directorInfo(director, { ...parts, intent: view.directorIntent(director.directorId) }),
  );
  const records = report.records();
  const zones = zonesOf(records, (memberId) => parts.pool.notReadyReason(memberId) === "");
  return {
    clusterId,
    clusterName,
    shape: directors.length > 1 ? "active-active" : "single",
    type: typeOf(directors.length, zones.length),
    directors,
    members: records.map((record) => report.toWire(record)),
    zones,
  };
}

/** A cluster without members is in one zone, and so is one whose director has not found itself in the store yet. */
function typeOf(directors: number, zones: number): TopologyType {
  if (directors > 1) return zones > 1 ? TopologyType.HYBRID : TopologyType.MESH;
  return zones > 1 ? TopologyType.HIERARCHICAL : TopologyType.SIMPLE;
}

/** Of members that are there: a zone whose last member went is none. */
export function zonesOf(
  records: readonly Pick<MemberRecord, "memberId" | "state" | "tags">[],
  isReady: (memberId: string) => boolean,
): Zone[] {
  const zones = new Map<string, string[]>();
  for (const { memberId, state, tags } of records) {
    if (state === "dead" || state === "left") continue;
    const name = tags[ZONE_TAG] ?? "";
    const memberIds = zones.get(name) ?? [];
    memberIds.push(memberId);
    zones.set(name, memberIds);
  }
  return [...zones]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, memberIds]) => ({
      name,
      members: memberIds.length,
      readyMembers: memberIds.filter(isReady).length,
      memberIds,
    }));
}
