import type { Agent, GetLeaderResponse, GetStatsResponse, GetTopologyResponse } from "../../wire/contract";
import type { GatewayParts } from "../gateway-parts";

/** What the process itself took of the machine. */
export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  readonly startedAtUnixMs: number;
  readonly nowUnixMs: number;
}

/** All that metrics are made of, as it was at one moment. */
export interface Facts {
  readonly version: string;
  readonly stats: GetStatsResponse;
  readonly topology: GetTopologyResponse;
  readonly leader: GetLeaderResponse;
  readonly agents: readonly Agent[];
  readonly process: ProcessFacts;
}

export type ScrapeParts = Pick<GatewayParts, "director" | "agents" | "version" | "clock">;

/** One round of RPCs. */
export async function scrape({ director, agents, version, clock }: ScrapeParts): Promise<Facts> {
  const [stats, topology, leader, listed] = await Promise.all([
    director.getStats({}),
    director.getTopology({}),
    director.getLeader({}),
    agents.listAgents({}),
  ]);
  const nowUnixMs = clock.wallMs();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return {
    version,
    stats,
    topology,
    leader,
    agents: listed.agents,
    process: {
      cpuSeconds: (user + system) / 1e6,
      residentBytes: rss,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      startedAtUnixMs: nowUnixMs - process.uptime() * 1_000,
      nowUnixMs,
    },
  };
}
