import type { NodeSample, TopSample } from "../../../src/cli/top/sample";

/** A node of a sample that works well, but for what is given. */
export function nodeSample(id: string, given: Partial<NodeSample> = {}): NodeSample {
  return {
    id,
    label: id,
    address: "127.0.0.1:62001",
    state: "alive",
    condition: "ready",
    stateReason: "beats and answers",
    stateSinceUnixMs: 0,
    intent: "serving",
    intentReason: "",
    intentBy: "",
    ready: true,
    notReadyReason: "",
    slots: 8,
    inFlight: 2,
    phi: 0.2,
    lastHeartbeatUnixMs: 999_600,
    home: "d1",
    version: "0.1.0",
    role: "worker",
    tags: "zone=a",
    services: ["heddle.compute.v1.ComputeService"],
    cpuRatio: 0.25,
    memoryRatio: 0.5,
    loopLagMs: 1.5,
    counts: { started: 1_000, ended: 990, failed: 10 },
    p50Ms: 1.25,
    p99Ms: 12,
    ...given,
  };
}

/** A sample at 10 s of the monotonic clock and 1,000 s of the wall's. */
export function topSample(nodes: readonly NodeSample[], given: Partial<TopSample> = {}): TopSample {
  return {
    atMs: 10_000,
    wallMs: 1_000_000,
    clusterName: "prod",
    director: { id: "d1", address: "10.0.0.1:61000", httpAddress: "" },
    directors: 2,
    leaderId: "d2",
    health: "healthy",
    problems: [],
    policy: "peak-ewma",
    counts: { started: 12_000, ended: 11_900, failed: 20 },
    retries: 0,
    inFlight: 14,
    queued: 0,
    uptimeMs: 60_000,
    loopLagMs: 1,
    latencyBoundsMs: [1, 10, 100],
    latencyCounts: [1_000, 1_900, 1_990, 2_000],
    nodes,
    ...given,
  };
}
