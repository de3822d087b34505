import { kindsOf, MembershipRig, only, pathOf } from "./membership-rig";

/** A rig with "w" and `others` beating long enough for the detectors to be sure of themselves. */
function settled(others: string[], overrides = {}): MembershipRig {
  const rig = new MembershipRig(overrides);
  rig.join("w", ...others);
  rig.run(10_000);
  return rig;
}

function answer(rig: MembershipRig, via: string, reachable: boolean, probeId = "probe-1") {
  return rig.apply({ kind: "probed", memberId: "w", probeId, via, reachable, detail: "" });
}

describe("R-08 silence", () => {
  test("a silent worker is suspect within 2.2 intervals of its last beat, the tick included", () => {
    // The last beat at every phase of the tick, since only a tick can find it.
    for (let phaseMs = 0; phaseMs < 100; phaseMs += 7) {
      const rig = new MembershipRig();
      rig.nowMs += phaseMs;
      rig.join("w", "a");
      rig.run(20_000 - phaseMs);
      const lastBeatMs = rig.view("w").lastBeatMs!;
      rig.silence("w");
      while (rig.state("w") === "alive") rig.run(1);
      expect((rig.nowMs - lastBeatMs) / 1_000).toBeLessThanOrEqual(2.2);
      expect((rig.nowMs - lastBeatMs) / 1_000).toBeGreaterThan(2);
    }
  });

  test("one lost beat suspects nobody", () => {
    const rig = settled(["a"]);
    rig.silence("w");
    rig.run(1_900);
    rig.beat("w");
    rig.run(1_900);
    expect(pathOf(rig.log, "w")).toEqual(["·→joining", "joining→alive"]);
  });

  test("a suspect is not picked, is probed through three others, and is told to nobody else", () => {
    const rig = settled(["a", "b", "c", "d"]);
    rig.silence("w");
    const changes = rig.run(3_000);
    expect(kindsOf(changes)).toEqual(["transition", "probe", "readiness"]);
    const [probe] = only(changes, "probe");
    expect(probe).toMatchObject({ memberId: "w", address: "w.example:62001", probeId: "probe-1", timeoutMs: 1_000 });
    expect(new Set(probe?.via).size).toBe(3);
    expect(probe?.via).not.toContain("w");
    expect(rig.view("w").ready).toBe(false);
    expect(rig.view("w").notReadyReason).toContain("no beat for");
  });

  test("suspects, the draining and those without a stream are not asked to probe", () => {
    const rig = settled(["silent", "draining", "b", "c"]);
    rig.apply({ kind: "draining", memberId: "draining", sessionId: rig.worker("draining").sessionId, reason: "" });
    rig.breakStream("silent");
    rig.attach("joining");
    const changes = rig.breakStream("w");
    expect(only(changes, "probe")[0]?.via.toSorted()).toEqual(["b", "c"]);
  });

  test("the same seed asks the same members", () => {
    const askedWith = (seed: number) => {
      const rig = new MembershipRig({}, seed);
      rig.join("w", ..."abcdefghij");
      return only(rig.breakStream("w"), "probe")[0]?.via;
    };
    expect(askedWith(7)).toEqual(askedWith(7));
    expect(new Set([1, 2, 3, 4, 5, 6].map((seed) => askedWith(seed)?.join())).size).toBeGreaterThan(1);
  });

  test("a beat on its session makes a suspect alive and ready again", () => {
    const rig = settled(["a"]);
    rig.silence("w");
    rig.run(3_000);
    const changes = rig.beat("w");
    expect(pathOf(changes, "w")).toEqual(["suspect→alive"]);
    expect(changes.at(-1)).toMatchObject({ kind: "readiness", ready: true });
  });

  test("a draining suspect that beats again is draining again", () => {
    const rig = settled(["a"]);
    rig.apply({ kind: "draining", memberId: "w", sessionId: rig.worker("w").sessionId, reason: "SIGTERM" });
    rig.silence("w");
    rig.run(3_000);
    expect(rig.state("w")).toBe("suspect");
    rig.beat("w");
    expect(rig.state("w")).toBe("draining");
  });

  test("reachable but silent stays suspect for ten intervals, then is dead and its session closed", () => {
    const rig = settled(["a"]);
    rig.silence("w");
    rig.run(3_000);
    const suspectMs = rig.nowMs;
    answer(rig, "a", true);
    rig.run(8_900);
    expect(rig.state("w")).toBe("suspect");
    const changes = rig.run(suspectMs + 10_000 - rig.nowMs);
    expect(pathOf(changes, "w")).toEqual(["suspect→dead"]);
    expect(only(changes, "close-session")).toMatchObject([
      { sessionId: "session-1", error: { code: "MEMBER_REMOVED" } },
    ]);
  });

  test("silent and unreachable for all asked, our own data link included, is dead at once", () => {
    const rig = settled(["a", "b"]);
    rig.silence("w");
    rig.run(2_200);
    rig.dataLink("w", false, "PING timed out");
    answer(rig, "a", false);
    expect(rig.state("w")).toBe("suspect");
    const changes = answer(rig, "b", false);
    expect(kindsOf(changes)).toEqual(["close-session", "transition", "readiness"]);
    expect(rig.view("w").record.stateReason).toMatch(/unreachable through [ab], [ab]; .*PING timed out/);
  });
});

describe("R-08 a broken stream", () => {
  test("makes a worker suspect and not ready at once", () => {
    const rig = settled(["a"]);
    const changes = rig.breakStream("w");
    expect(kindsOf(changes)).toEqual(["transition", "probe", "readiness"]);
    expect(rig.state("w")).toBe("suspect");
    expect(rig.view("w").ready).toBe(false);
  });

  test("with the data link down, and nobody else to ask, is death at once, by way of suspect", () => {
    const rig = settled([]);
    rig.dataLink("w", false);
    const changes = rig.breakStream("w");
    expect(pathOf(changes, "w")).toEqual(["alive→suspect", "suspect→dead"]);
    expect(rig.view("w").record.stateReason).toContain("nobody else could be asked");
  });

  test("the same when the link goes down second", () => {
    const rig = settled([]);
    rig.breakStream("w");
    expect(rig.state("w")).toBe("suspect");
    expect(pathOf(rig.dataLink("w", false), "w")).toEqual(["suspect→dead"]);
  });

  test("no answer from the probed is an answer: dead after the probe timeout", () => {
    const rig = settled(["a"]);
    rig.dataLink("w", false);
    rig.breakStream("w");
    rig.run(900);
    expect(rig.state("w")).toBe("suspect");
    rig.run(200);
    expect(rig.state("w")).toBe("dead");
  });

  test("a witness keeps the worker suspect until the grace to attach again is over", () => {
    const rig = settled(["a", "b", "c"]);
    rig.dataLink("w", false);
    rig.breakStream("w");
    answer(rig, "a", false);
    answer(rig, "b", true);
    answer(rig, "c", false);
    rig.run(9_900);
    expect(rig.state("w")).toBe("suspect");
    rig.run(200);
    expect(rig.state("w")).toBe("dead");
  });

  test("our own data link is a witness, and when it goes down last, that decides", () => {
    const rig = settled(["a"]);
    rig.breakStream("w");
    answer(rig, "a", false);
    rig.run(5_000);
    expect(rig.state("w")).toBe("suspect");
    expect(pathOf(rig.dataLink("w", false), "w")).toEqual(["suspect→dead"]);
  });

  test("answers of another round, of another member, or given twice do not count", () => {
    const rig = settled(["a", "b", "c"]);
    rig.dataLink("w", false);
    const [probe] = only(rig.breakStream("w"), "probe");
    for (const via of probe!.via) expect(answer(rig, via, false, "probe-0")).toEqual([]);
    const [first] = probe!.via as [string, string, string];
    expect(answer(rig, "stranger", true)).toEqual([]);
    answer(rig, first, false);
    answer(rig, first, false);
    answer(rig, first, false);
    expect(rig.state("w")).toBe("suspect");
    rig.apply({ kind: "probed", memberId: "nobody", probeId: "probe-1", via: first, reachable: true, detail: "" });
    expect(rig.membership.get("nobody")).toBeUndefined();
  });

  test("while draining leads to suspect and, if it cannot be reached, to dead", () => {
    const rig = settled([]);
    rig.apply({ kind: "draining", memberId: "w", sessionId: rig.worker("w").sessionId, reason: "SIGTERM" });
    expect(rig.view("w").ready).toBe(false);
    rig.dataLink("w", false);
    expect(pathOf(rig.breakStream("w"), "w")).toEqual(["draining→suspect", "suspect→dead"]);
  });

  test("after Goodbye is expected", () => {
    const rig = settled([]);
    const { sessionId } = rig.worker("w");
    rig.apply({ kind: "goodbye", memberId: "w", sessionId, reason: "done" });
    expect(rig.breakStream("w")).toEqual([]);
    expect(rig.state("w")).toBe("left");
  });
});

describe("many lost at once", () => {
  const names = Array.from({ length: 10 }, (_, index) => `m${index}`);

  function lose(count: number, overrides = {}): MembershipRig {
    const rig = new MembershipRig(overrides);
    rig.join(...names);
    rig.run(10_000);
    for (const name of names.slice(0, count)) {
      rig.dataLink(name, false);
      rig.breakStream(name);
    }
    return rig;
  }

  test("more than half within one interval freezes evictions for one suspect timeout: suspect yes, dead no", () => {
    const rig = lose(6);
    rig.run(9_800);
    expect(rig.membership.countByState).toMatchObject({ alive: 4, suspect: 6, dead: 0 });
    rig.run(400);
    expect(rig.membership.countByState).toMatchObject({ alive: 4, suspect: 0, dead: 6 });
  });

  test("half is not more than half", () => {
    const rig = lose(5);
    rig.run(1_200);
    expect(rig.membership.countByState).toMatchObject({ alive: 5, dead: 5 });
  });

  test("spread over more than one interval they are losses of their own", () => {
    const rig = new MembershipRig();
    rig.join(...names);
    rig.run(10_000);
    for (const name of names.slice(0, 6)) {
      rig.dataLink(name, false);
      rig.breakStream(name);
      rig.run(300);
    }
    rig.run(1_200);
    expect(rig.membership.countByState).toMatchObject({ alive: 4, dead: 6 });
  });

  test("fewer than five never freeze, so that a small cluster can lose most of itself", () => {
    const rig = new MembershipRig();
    rig.join("a", "b", "c");
    rig.run(10_000);
    for (const name of ["a", "b"]) {
      rig.dataLink(name, false);
      rig.breakStream(name);
    }
    rig.run(1_200);
    expect(rig.membership.countByState).toMatchObject({ alive: 1, dead: 2 });
  });

  test("a mass loss sends no storm of probes: none once evictions are frozen", () => {
    const rig = new MembershipRig();
    const many = Array.from({ length: 300 }, (_, index) => `m${index}`);
    rig.join(...many);
    rig.run(10_000);
    rig.silence(...many);
    const changes = rig.run(5_000);
    expect(rig.membership.countByState).toMatchObject({ suspect: 300, dead: 0 });
    expect(only(changes, "probe")).toEqual([]);
  });

  test("those who come back during the freeze are alive, as if nothing had been", () => {
    const rig = lose(10);
    rig.run(2_000);
    for (const name of names) {
      rig.attach(name);
      rig.dataLink(name, true);
    }
    rig.run(30_000);
    expect(rig.membership.countByState).toMatchObject({ alive: 10, suspect: 0, dead: 0 });
  });
});
