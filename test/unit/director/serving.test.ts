import { ComputeServiceDefinition } from "../../../src/wire/contract";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { MemoryCluster } from "../../../src/testing/memory-cluster";

const ADDRESS = "director-1:61000";

describe("Whether a director says that it takes calls", () => {
  let cluster: MemoryCluster;
  let told: boolean[];
  const onServing = (serving: boolean) => void told.push(serving);

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
    told = [];
  });

  afterEach(() => cluster.close());

  it("is no while it starts, also when workers that an earlier life had are reached before that is over", async () => {
    const first = await cluster.director("director-1");
    await cluster.worker("w1", [ADDRESS]);
    await cluster.untilReady(first, ["w1"]);
    await cluster.crash("director-1");
    const slowPort = { open: () => cluster.clock.sleep(2_000).then(() => ""), close: () => Promise.resolve() };
    const again = cluster.launchDirector("director-1", { onServing, face: slowPort });
    let atStart: boolean[] = [];
    void again.started.then(() => (atStart = [...told]));
    await cluster.outcome(again.started);
    await cluster.untilReady(again, ["w1"]);
    expect(atStart.indexOf(true)).toBe(atStart.length - 1);
    expect(told.at(-1)).toBe(true);
  });

  it("is no from the moment it is told to stop, while its port still takes calls of those who did not hear", async () => {
    const director = await cluster.director("director-1", { onServing });
    await cluster.worker("w1", [ADDRESS]);
    await cluster.untilReady(director, ["w1"]);
    expect(told.at(-1)).toBe(true);
    cluster.beginStoreOutage(); // it gives up its place for as long as it may
    const stopping = director.director.stop();
    expect(told.at(-1)).toBe(false);
    const host = cluster.network.host("caller");
    const compute = typedClient(ComputeServiceDefinition, cluster.network.connect(host, ADDRESS, { keepaliveMs: 0 }));
    expect(await cluster.outcome(compute.execute({ task: "echo" }))).toMatchObject({ workerLabel: "w1" });
    await cluster.outcome(stopping);
    expect(told.slice(told.lastIndexOf(true) + 1)).not.toHaveLength(0);
  });
});
