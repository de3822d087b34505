import { TopologyType } from "../../../generated/heddle/v1/director";
import { MemberState } from "../../../generated/heddle/v1/member";
import { zonesOf } from "../../../src/director/topology";
import { MemoryCluster } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";

describe("The zones of a cluster (P-05)", () => {
  const member = (memberId: string, zone?: string, state: "alive" | "suspect" | "dead" | "left" = "alive") => ({
    memberId,
    state,
    tags: zone === undefined ? {} : { zone },
  });

  it("have their members and how many of them are ready, by name, those without the tag first", () => {
    const records = [member("w1", "b"), member("w2", "a"), member("w3"), member("w4", "a", "suspect")];
    expect(zonesOf(records, (memberId) => memberId !== "w4")).toEqual([
      { name: "", members: 1, readyMembers: 1, memberIds: ["w3"] },
      { name: "a", members: 2, readyMembers: 1, memberIds: ["w2", "w4"] },
      { name: "b", members: 1, readyMembers: 1, memberIds: ["w1"] },
    ]);
  });

  it("are those of members that are there", () => {
    expect(zonesOf([member("w1", "a", "dead"), member("w2", "b", "left")], () => false)).toEqual([]);
  });
});

describe("The topology of a cluster (P-05)", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  it("goes from simple to hierarchical, hybrid and mesh, as zones and directors come and go", async () => {
    const first = await cluster.director("director-1", { clusterName: "Test cluster" });
    const seen = () => cluster.outcome(first.rpc.getTopology({}));
    const until = (type: TopologyType) =>
      cluster.until(`it is of type ${type}`, async () => (await seen()).type === type, 60_000);
    await until(TopologyType.SIMPLE);
    await cluster.worker("w1", [D1], { tags: { zone: "a" } });
    await cluster.untilReady(first, ["w1"]);
    expect(await seen()).toMatchObject({
      clusterId: "test",
      clusterName: "Test cluster",
      shape: "single",
      type: TopologyType.SIMPLE,
      zones: [{ name: "a", members: 1, readyMembers: 1, memberIds: ["w1"] }],
    });
    await cluster.worker("w2", [D1], { tags: { zone: "b" } });
    await until(TopologyType.HIERARCHICAL);
    await cluster.director("director-2");
    await until(TopologyType.HYBRID);
    expect((await seen()).shape).toBe("active-active");
    await cluster.crash("w2");
    await until(TopologyType.MESH);
    const { members, zones } = await seen();
    expect(members.find(({ memberId }) => memberId === "w2")?.state).toBe(MemberState.DEAD);
    expect(zones.map(({ name }) => name)).toEqual(["a"]);
  });
});
