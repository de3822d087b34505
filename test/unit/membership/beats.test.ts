import { NO_LOAD } from "../../../src/core/member";
import { NO_CHANGES } from "../../../src/membership/events";
import { kindsOf, MembershipRig, only, pathOf } from "./membership-rig";

describe("R-08 beats", () => {
  test("a beat that brings no news answers with the one shared empty array", () => {
    const rig = new MembershipRig();
    rig.join("w");
    expect(rig.beat("w")).toBe(NO_CHANGES);
    expect(rig.beat("w", { load: { ...NO_LOAD, cpuRatio: 0.7 } })).toBe(NO_CHANGES);
    expect(rig.view("w").load.cpuRatio).toBe(0.7);
    expect(rig.apply({ kind: "tick" })).toBe(NO_CHANGES);
  });

  test("the phi detector is really fed: phi is low after each beat and rises in silence", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.run(20_000);
    const atBeat = rig.view("w").phi(rig.nowMs);
    expect(atBeat).toBeLessThan(0.1);
    expect(rig.view("w").phi(rig.nowMs + 1_800)).toBeCloseTo(2.87, 1);
    expect(rig.view("w")).toMatchObject({ lastBeatMs: 25_000, lastBeatUnixMs: 25_000 + rig.wallOffsetMs });
  });

  test("serving false takes the worker out of the picks and true brings it back, without a write", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const refuses = rig.beat("w", { serving: false });
    expect(refuses).toEqual([
      {
        kind: "readiness",
        memberId: "w",
        ready: false,
        serving: false,
        dataLinkUp: true,
        reason: "worker reports it does not serve",
      },
    ]);
    expect(rig.beat("w", { serving: false })).toBe(NO_CHANGES);
    expect(rig.beat("w", { serving: true })).toMatchObject([{ kind: "readiness", ready: true, reason: "" }]);
    expect(rig.state("w")).toBe("alive");
  });

  test("a data link that is down takes a beating worker out of the picks, says why, and changes no state", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const changes = rig.dataLink("w", false, "PING timed out");
    expect(kindsOf(changes)).toEqual(["readiness"]);
    expect(rig.view("w").notReadyReason).toBe("data connection is down: PING timed out");
    rig.run(60_000);
    expect(rig.state("w")).toBe("alive");
    expect(rig.dataLink("w", true)).toMatchObject([{ kind: "readiness", ready: true }]);
  });

  test("a heartbeat out of order closes the session as a violation, and counts as a broken stream", () => {
    const rig = new MembershipRig();
    rig.join("w", "a");
    rig.beat("w");
    const changes = rig.beat("w", { seq: 5 });
    expect(changes[0]).toMatchObject({ kind: "close-session", error: { code: "PROTOCOL_VIOLATION" } });
    expect(pathOf(changes, "w")).toEqual(["alive→suspect"]);
    expect(rig.view("w").sessionId).toBeUndefined();
  });

  test("a repeated heartbeat is out of order too", () => {
    const rig = new MembershipRig();
    rig.join("w", "a");
    rig.beat("w");
    expect(only(rig.beat("w", { seq: 1 }), "close-session")[0]?.error.code).toBe("PROTOCOL_VIOLATION");
  });

  test("a beat on a session that is not current changes nothing and closes that session", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const stray = { kind: "beat", memberId: "w", sessionId: "old", seq: 1, load: NO_LOAD, serving: false } as const;
    const changes = rig.apply(stray);
    expect(kindsOf(changes)).toEqual(["close-session"]);
    expect(changes[0]).toMatchObject({ sessionId: "old", error: { code: "SESSION_REPLACED" } });
    expect(rig.view("w").ready).toBe(true);
  });

  test("a beat of a member that is not known makes its worker attach again", () => {
    const rig = new MembershipRig();
    const stray = { kind: "beat", memberId: "w", sessionId: "old", seq: 9, load: NO_LOAD, serving: true } as const;
    expect(rig.apply(stray)).toMatchObject([{ kind: "close-session", error: { code: "MEMBER_REMOVED" } }]);
  });

  test("a worker that beats every 30 s is judged by its own interval (P-06)", () => {
    const rig = new MembershipRig({ heartbeatIntervalMs: 1_000 });
    rig.attach("w", {}, { heartbeatIntervalMs: 30_000 });
    rig.dataLink("w", true);
    for (let beat = 0; beat < 10; beat += 1) {
      rig.silence("w");
      rig.run(30_000);
      rig.beat("w");
    }
    expect(rig.state("w")).toBe("alive");
    rig.run(61_000);
    expect(rig.state("w")).toBe("alive");
    rig.run(2_000);
    expect(rig.state("w")).toBe("suspect");
    rig.run(290_000); // ten of its intervals
    expect(rig.state("w")).toBe("suspect");
    rig.run(11_000);
    expect(rig.state("w")).toBe("dead");
  });
});
