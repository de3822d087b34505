import { MemberState } from "../../../generated/heddle/v1/member";
import { MemoryCluster, HEARTBEAT_MS, type RunningDirector } from "../../support/memory-cluster";

const DIRECTORS = ["director-1:61000", "director-2:61000"];

describe("A worker on a simulated network", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  const ready = async ({ rpc }: RunningDirector) => {
    const { members } = await rpc.listMembers({});
    return members.filter((member) => member.ready).map((member) => member.memberId);
  };
  const isReady = (director: RunningDirector, memberId: string) => async () =>
    (await ready(director)).includes(memberId);

  it("attaches to a director that comes later", async () => {
    const { worker } = await cluster.worker("w1", DIRECTORS.slice(0, 1));
    await cluster.clock.advance(10_000);

    const director = await cluster.director();

    await cluster.until("the late director has the worker", isReady(director, "w1"), 3_000);
    expect(worker.address).toBe("w1:7000");
  });

  it("attaches again after a break, without a restart", async () => {
    const director = await cluster.director();
    await cluster.worker("w1", DIRECTORS.slice(0, 1));
    await cluster.until("attached", isReady(director, "w1"));
    const before = (await cluster.outcome(director.rpc.getMember({ memberId: "w1" }))).member;

    cluster.network.cut("w1", "director-1");
    await cluster.clock.advance(50);
    await cluster.until("attached again", isReady(director, "w1"), 3_000);

    const after = (await cluster.outcome(director.rpc.getMember({ memberId: "w1" }))).member;
    expect(after?.incarnation).toBe(before?.incarnation);
    expect(after?.state).toBe(MemberState.ALIVE);
    expect(HEARTBEAT_MS).toBe(1_000);
  });
});
