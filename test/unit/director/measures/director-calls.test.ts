import type { GetStatsResponse } from "../../../../generated/heddle/v1/director";
import { IntentKind } from "../../../../generated/heddle/v1/member";
import { ComputeServiceDefinition } from "../../../../src/wire/contract";
import { Status } from "../../../../src/core/status";
import { rawDefinition } from "../../../../src/rpc/service/raw-definition";
import { typedClient } from "../../../../src/rpc/service/typed-client";
import { MemoryCluster, type RunningDirector } from "../../../../src/testing/memory-cluster";

const EXECUTE = "heddle.compute.v1.ComputeService/Execute";
const ADDRESS = "director-1:61000";

const byStatus = ({ calls }: GetStatsResponse) =>
  Object.fromEntries(
    calls.map(({ method, memberId, ended }) => [
      `${method} ${memberId}`,
      Object.fromEntries([...ended].map(([status, count]) => [status, Number(count)])),
    ]),
  );

describe("The calls of a director", () => {
  let cluster: MemoryCluster;
  let director: RunningDirector;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    director = await cluster.director("director-1", { queueTimeoutMs: 200 });
    await cluster.worker("w1", [ADDRESS]);
    await cluster.untilReady(director, ["w1"]);
  });

  afterEach(() => cluster.close());

  const connection = () => cluster.network.connect(cluster.network.host("caller"), ADDRESS, { keepaliveMs: 0 });
  const stats = () => cluster.outcome(director.rpc.getStats({}));

  it("H-09 are told by method, member and status, and every call once", async () => {
    const compute = typedClient(ComputeServiceDefinition, connection());
    const made = rawDefinition("made.Up", { run: {} });
    for (let count = 0; count < 5; count += 1) await cluster.outcome(compute.execute({ task: "echo" }));
    await cluster.outcome(compute.execute({ task: "no such task" })).catch(() => {});
    await cluster.outcome(typedClient(made, connection()).run(new Uint8Array())).catch(() => {});
    const told = await stats();
    expect(byStatus(told)).toEqual({
      [`${EXECUTE} w1`]: { [Status.OK]: 5, [Status.NOT_FOUND]: 1 },
      "other ": { [Status.UNIMPLEMENTED]: 1 },
    });
    const sum = told.calls.reduce((total, { latencyCounts }) => total + latencyCounts.at(-1)!, 0n);
    expect(sum).toBe(told.callsSucceeded + told.callsFailed + told.callsCancelled);
    for (const { latencyCounts } of told.calls) expect(latencyCounts).toHaveLength(told.latencyBoundsMs.length + 1);
  });

  it("H-09 are told with how long they took, and each member with its quantiles of the last minute", async () => {
    const compute = typedClient(ComputeServiceDefinition, connection());
    const sleep = { task: "sleep", parameters: new Map([["ms", "400"]]) };
    for (let count = 0; count < 3; count += 1) await cluster.outcome(compute.execute(sleep));
    const [member] = (await stats()).perMember;
    expect(member!.latencyP50Ms).toBeGreaterThan(300);
    expect(member!.latencyP99Ms).toBeLessThanOrEqual(500);
    await cluster.clock.advance(61_000);
    expect((await stats()).perMember[0]).toMatchObject({ latencyP50Ms: 0, latencyP99Ms: 0, callsSucceeded: 3n });
  });

  it("count the time that a call waited for a worker, also in vain", async () => {
    const compute = typedClient(ComputeServiceDefinition, connection());
    await cluster.outcome(compute.execute({ task: "echo" }));
    await cluster.crash("w1");
    await cluster.untilReady(director, [], 5_000);
    await cluster.outcome(compute.execute({ task: "echo" })).catch(() => {});
    const told = await stats();
    const waited = told.calls.find(({ memberId }) => memberId === "")!;
    expect(waited.method).toBe(EXECUTE);
    expect(Number(waited.ended.get(Status.UNAVAILABLE))).toBe(1);
    expect(waited.latencySumMs).toBeCloseTo(200, 0);
  });

  it("are shown one by one to who watches", async () => {
    const abort = new AbortController();
    const batches = director.rpc.watchCalls({}, { signal: abort.signal })[Symbol.asyncIterator]();
    await cluster.outcome(batches.next());
    const compute = typedClient(ComputeServiceDefinition, connection());
    await cluster.outcome(compute.execute({ task: "echo" }));
    const { value } = await cluster.outcome(batches.next());
    expect(value).toMatchObject({
      calls: [{ method: EXECUTE, memberId: "w1", status: Status.OK, attempts: 1 }],
      omitted: 0n,
    });
    abort.abort();
  });

  it("are told beside what the store takes to answer", async () => {
    const before = await stats();
    expect(before.storeAvailable).toBe(true);
    expect(before.storeLatencyCounts.at(-1)).toBeGreaterThan(0n);
    cluster.beginStoreOutage();
    const cordon = { memberId: "w1", kind: IntentKind.CORDONED, reason: "", setBy: "" };
    await expect(cluster.outcome(director.rpc.setIntent(cordon))).rejects.toThrow(/STORE_UNAVAILABLE/);
    expect((await stats()).storeFailures).toBeGreaterThan(0n);
    expect((await stats()).storeAvailable).toBe(false);
  });
});
