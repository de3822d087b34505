import { MembershipRig, only, pathOf } from "./membership-rig";

const names = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

function beating(count: number): MembershipRig {
  const rig = new MembershipRig();
  rig.join(...names(count));
  rig.run(20_300); // off the beat, so that some silence has passed when the stall begins
  return rig;
}

describe("R-08 a director that stalled holds nothing against anybody", () => {
  test.each([5, 15, 120])("stopped for %p intervals and continued, it suspects and evicts nobody", (intervals) => {
    const rig = beating(200);
    const from = rig.log.length;
    const { deliver } = rig.stall(intervals * 1_000);
    rig.apply({ kind: "tick" }); // the timer runs before the sockets are read
    rig.run(300); // and the sockets take their time
    deliver();
    rig.run(20_000);
    expect(only(rig.log.slice(from), "transition")).toEqual([]);
    expect(rig.membership.countByState.alive).toBe(200);
  });

  test("the same when what waited in the sockets is read before the timer runs", () => {
    const rig = beating(200);
    const from = rig.log.length;
    const { deliver } = rig.stall(5_000);
    deliver();
    rig.run(20_000);
    expect(only(rig.log.slice(from), "transition")).toEqual([]);
  });

  test("stopped again and again, it still evicts nobody", () => {
    const rig = beating(50);
    const from = rig.log.length;
    for (let stop = 0; stop < 10; stop += 1) {
      const { deliver } = rig.stall(5_000);
      rig.apply({ kind: "tick" });
      deliver();
      rig.run(150);
    }
    rig.run(20_000);
    expect(only(rig.log.slice(from), "transition")).toEqual([]);
  });

  test("a suspect is not declared dead in the tick that ends the stall, but may still beat", () => {
    const rig = beating(3);
    rig.silence("m0");
    rig.run(3_000);
    expect(rig.state("m0")).toBe("suspect");
    rig.stall(30_000);
    rig.dataLink("m0", false); // its keepalive timed out because we did not read
    rig.apply({ kind: "tick" });
    expect(rig.state("m0")).toBe("suspect");
    rig.beat("m0");
    expect(rig.state("m0")).toBe("alive");
  });

  test("streams that their workers gave up during the stall lead to a new attach, not to death", () => {
    const rig = beating(20);
    const from = rig.log.length;
    rig.stall(5_000);
    for (const name of names(20)) {
      rig.dataLink(name, false);
      rig.breakStream(name);
    }
    rig.apply({ kind: "tick" });
    rig.run(2_000);
    for (const name of names(20)) {
      rig.attach(name);
      rig.dataLink(name, true);
    }
    rig.run(10_000);
    expect(rig.membership.countByState.alive).toBe(20);
    expect(
      rig.log.slice(from).filter((change) => change.kind === "transition" && change.record.state === "dead"),
    ).toEqual([]);
  });

  test("the stall teaches the detector nothing: afterwards a silent worker is found as soon as before", () => {
    const rig = beating(3);
    const { deliver } = rig.stall(5_000);
    rig.apply({ kind: "tick" });
    deliver();
    rig.run(10_000);
    const lastBeatMs = rig.view("m0").lastBeatMs!;
    rig.silence("m0");
    while (rig.state("m0") === "alive") rig.run(10);
    expect((rig.nowMs - lastBeatMs) / 1_000).toBeLessThanOrEqual(2.2);
  });

  test("patience grows by the stall, and no further: who died meanwhile is found afterwards", () => {
    const rig = beating(3);
    rig.silence("m0");
    rig.dataLink("m0", false);
    const { deliver } = rig.stall(5_000);
    rig.apply({ kind: "tick" });
    deliver();
    const from = rig.log.length;
    rig.run(2_200);
    expect(pathOf(rig.log.slice(from), "m0")).toEqual(["alive→suspect"]);
    rig.run(2_000);
    expect(rig.state("m0")).toBe("dead");
  });
});

describe("the wall clock is never judged by", () => {
  test.each([3_600_000, -3_600_000, 1e12])(
    "a step of %p ms changes nobody's state, and nobody's patience",
    (stepMs) => {
      const rig = beating(5);
      const from = rig.log.length;
      rig.wallOffsetMs += stepMs;
      rig.run(20_000);
      expect(rig.log.slice(from)).toEqual([]);
      rig.silence("m0");
      const lastBeatMs = rig.view("m0").lastBeatMs!;
      rig.wallOffsetMs -= 2 * stepMs;
      rig.run(lastBeatMs + 2_200 - rig.nowMs);
      expect(rig.state("m0")).toBe("suspect");
    },
  );
});
