import fastify, { type FastifyInstance } from "fastify";

import { SILENT_LOGGER } from "../../src/core/logger";
import { dashboardRoutes } from "../../src/gateway/dashboard/dashboard-routes";
import { systemClock } from "../../src/platform/system-clock";
import {
  GetStatsResponse,
  HealthStatus,
  TopologyType,
  type MemberStats,
  type WireMember,
} from "../../src/wire/contract";
import { Member, MemberState } from "../../generated/heddle/v1/member";

type Parts = Parameters<typeof dashboardRoutes>[0];

/** Of one of many workers, which changes what it says of itself every second. */
function member(index: number, round: number): WireMember {
  const name = `worker-${String(index).padStart(4, "0")}`;
  const busy = (index * 7 + round * 3) % 9;
  return Member.fromPartial({
    memberId: name,
    label: name,
    address: `10.0.${index >> 8}.${index & 255}:7000`,
    incarnation: 1n,
    state: index % 97 === 96 ? MemberState.DEAD : MemberState.ALIVE,
    stateReason: index % 97 === 96 ? "unreachable through three others" : "attached",
    role: "worker",
    tags: new Map([["zone", `zone-${index % 3}`]]),
    services: ["heddle.compute.v1.ComputeService"],
    slots: 8,
    load: { inFlight: busy, cpuRatio: ((index + round) % 20) / 20, memoryRatio: 0.5 },
    homeDirectorId: "director-1",
    version: "0.1.0",
    lastHeartbeatUnixMs: BigInt(Math.floor(systemClock.wallMs())),
    phi: 0.3,
    ready: index % 97 !== 96,
  });
}

function memberStats({ memberId }: WireMember, index: number, round: number): MemberStats {
  return {
    memberId,
    callsStarted: BigInt(round * 50 + index),
    callsSucceeded: BigInt(round * 49),
    callsFailed: BigInt(Math.floor(round / 5)),
    callsCancelled: 0n,
    inFlight: 2,
    latencyEwmaMs: 4,
    latencyP50Ms: 2 + ((index + round) % 10),
    latencyP99Ms: 20 + ((index + round) % 30),
  };
}

/** Of all of them, in the given second. */
export function membersOf(count: number, round: number): WireMember[] {
  return Array.from({ length: count }, (_, index) => member(index, round));
}

export function statsOf(count: number, round: number): GetStatsResponse {
  return GetStatsResponse.fromPartial({
    directorId: "director-1",
    uptimeMs: BigInt(round * 1_000),
    callsStarted: BigInt(round * count),
    callsSucceeded: BigInt(round * count),
    policy: "round-robin",
    perMember: membersOf(count, round).map((of, index) => memberStats(of, index, round)),
  });
}

/** A director of many workers that exists only as answers, behind the real routes of the dashboard. Not started. */
export function manyWorkers(count: number): FastifyInstance {
  let round = 0;
  const director = {
    listMembers: () => {
      round += 1;
      return Promise.resolve({ members: membersOf(count, round), revision: 1n });
    },
    getStats: () => Promise.resolve(statsOf(count, round)),
    getClusterHealth: () =>
      Promise.resolve({
        status: HealthStatus.HEALTHY,
        members: count,
        readyMembers: count,
        storeAvailable: true,
        problems: [],
      }),
    getTopology: () =>
      Promise.resolve({
        clusterId: "heddle",
        clusterName: "many",
        shape: "single",
        type: TopologyType.SIMPLE,
        zones: [],
        members: [],
        directors: [
          {
            directorId: "director-1",
            address: "127.0.0.1:1",
            leader: true,
            self: true,
            startedAtUnixMs: 0n,
            version: "0.1.0",
            httpAddress: "",
          },
        ],
      }),
    getLeader: () => Promise.resolve({ directorId: "director-1", address: "127.0.0.1:1", epoch: 1n }),
    getBalancing: () => Promise.resolve({ policy: "round-robin", available: ["round-robin"] }),
    // eslint-disable-next-line require-yield -- nothing happens there
    watchEvents: async function* (_request: object, { signal }: { readonly signal: AbortSignal }) {
      await new Promise<void>((end) => signal.addEventListener("abort", () => end(), { once: true }));
    },
  };
  const agents = { listAgents: () => Promise.resolve({ agents: [] }) };
  const parts = {
    clock: systemClock,
    logger: SILENT_LOGGER,
    config: { directorId: "director-1", clusterName: "many" },
    director,
    agents,
    connectDirector: () => {
      throw new Error("there is one director");
    },
  } as unknown as Parts;
  const app = fastify();
  void app.register(
    dashboardRoutes(parts, `${__dirname.replace(/\/(dist\/)?test\/support$/, "")}/dist/src/dashboard/assets`),
  );
  return app;
}
