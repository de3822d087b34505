import type { MemberRecord } from "../../../src/core/member";
import { identityOf, kindsOf, MembershipRig, only, pathOf } from "./membership-rig";

describe("H-01 how a member ends", () => {
  test("the dead are kept 60 s for people to see, then forgotten", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.dataLink("w", false);
    rig.breakStream("w");
    rig.run(59_900);
    expect(rig.state("w")).toBe("dead");
    expect(only(rig.run(200), "forget")).toMatchObject([{ memberId: "w" }]);
    expect(rig.membership.size).toBe(0);
  });

  test("those that left are kept 10 s", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.apply({ kind: "goodbye", memberId: "w", sessionId: "session-1", reason: "done" });
    rig.run(9_900);
    expect(rig.view("w").record).toMatchObject({ state: "left", stateReason: "done" });
    rig.run(200);
    expect(rig.state("w")).toBeUndefined();
  });

  test("a member that came back is not forgotten when its last death would have been", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.dataLink("w", false);
    rig.breakStream("w");
    rig.run(30_000);
    rig.attach("w", { incarnation: 2 });
    rig.dataLink("w", true);
    rig.run(60_000);
    expect(rig.state("w")).toBe("alive");
  });

  test("an operator's removal closes the session with MEMBER_REMOVED and forgets at once", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const changes = rig.apply({ kind: "remove", memberId: "w", reason: "decommissioned" });
    expect(kindsOf(changes)).toEqual(["close-session", "forget"]);
    expect(only(changes, "close-session")[0]?.error.code).toBe("MEMBER_REMOVED");
    expect(rig.apply({ kind: "remove", memberId: "w", reason: "again" })).toEqual([]);
  });

  test("a member whose home is another director now is let go without being judged or deleted", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.breakStream("w");
    expect(rig.apply({ kind: "release", memberId: "w" })).toEqual([]);
    expect(rig.run(30_000)).toEqual([]);
  });

  test("a worker that holds a stream here when it is released is told that a newer one exists", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const changes = rig.apply({ kind: "release", memberId: "w" });
    expect(changes).toMatchObject([{ kind: "close-session", error: { code: "SESSION_REPLACED" } }]);
  });
});

describe("R-02 a director that restarted relearns its workers", () => {
  function recordOf(state: MemberRecord["state"], overrides: Partial<MemberRecord> = {}): MemberRecord {
    return {
      ...identityOf("w", { incarnation: 4 }),
      state,
      stateReason: "as it was",
      stateSinceUnixMs: 1,
      joinedAtUnixMs: 1,
      homeDirectorId: "director-1",
      ...overrides,
    };
  }

  test("an adopted member is suspect until it attaches again, then alive with its history", () => {
    const rig = new MembershipRig();
    expect(pathOf(rig.apply({ kind: "adopt", record: recordOf("alive") }), "w")).toEqual(["alive→suspect"]);
    rig.dataLink("w", true);
    expect(rig.view("w").ready).toBe(false);
    rig.run(5_000);
    expect(pathOf(rig.attach("w", { incarnation: 4 }), "w")).toEqual(["suspect→alive"]);
    expect(rig.view("w")).toMatchObject({ ready: true, record: { joinedAtUnixMs: 1 } });
    expect(rig.run(20_000)).toEqual([]);
  });

  test("one that does not come within the grace is dead, however unreachable it was before", () => {
    const rig = new MembershipRig();
    rig.apply({ kind: "adopt", record: recordOf("alive") });
    rig.dataLink("w", false); // not connected yet proves nothing just after our own start
    rig.run(9_900);
    expect(rig.state("w")).toBe("suspect");
    rig.run(200);
    expect(rig.state("w")).toBe("dead");
  });

  test("a draining one is draining when it comes back", () => {
    const rig = new MembershipRig();
    rig.apply({ kind: "adopt", record: recordOf("draining") });
    rig.attach("w", { incarnation: 4 });
    expect(rig.state("w")).toBe("draining");
  });

  test("a suspect one stays so, without a write", () => {
    const rig = new MembershipRig();
    expect(kindsOf(rig.apply({ kind: "adopt", record: recordOf("suspect") }))).toEqual(["readiness"]);
    rig.run(10_100);
    expect(rig.state("w")).toBe("dead");
  });

  test.each([
    ["dead", 60_000],
    ["left", 10_000],
  ] as const)("one that is %s is forgotten after %p ms", (state, ttlMs) => {
    const rig = new MembershipRig();
    rig.apply({ kind: "adopt", record: recordOf(state) });
    rig.run(ttlMs - 100);
    expect(rig.state("w")).toBe(state);
    expect(only(rig.attach("w", { incarnation: 4 }), "refused")[0]?.error.code).toBe("STALE_INCARNATION");
    rig.run(200);
    expect(rig.state("w")).toBeUndefined();
  });

  test("many adopted at once are no mass loss: their grace is not frozen", () => {
    const rig = new MembershipRig({ reattachGraceMs: 5_000 });
    for (let index = 0; index < 20; index += 1) {
      rig.apply({ kind: "adopt", record: recordOf("alive", { memberId: `m${index}` }) });
    }
    rig.run(5_200);
    expect(rig.membership.countByState.dead).toBe(20);
  });
});
