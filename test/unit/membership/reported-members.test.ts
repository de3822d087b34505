import { NO_LOAD } from "../../../src/core/member";
import { NO_CHANGES } from "../../../src/membership/events";
import { kindsOf, MembershipRig, only, pathOf, reportedIdentity } from "./membership-rig";

const register = (memberId: string, overrides = {}) =>
  ({ kind: "register", identity: reportedIdentity(memberId, overrides) }) as const;
const report = (memberId: string) => ({ kind: "report", memberId, load: { ...NO_LOAD, cpuRatio: 0.5 } }) as const;

describe("P-04 members without an agent", () => {
  test("are alive from registration on, and ready once they can be reached", () => {
    const rig = new MembershipRig();
    expect(pathOf(rig.apply(register("n")), "n")).toEqual(["·→alive"]);
    expect(rig.view("n").ready).toBe(false);
    rig.dataLink("n", true);
    expect(rig.view("n").ready).toBe(true);
  });

  test("a report in time is no change, and its load is kept", () => {
    const rig = new MembershipRig();
    rig.apply(register("n"));
    rig.run(29_000);
    expect(rig.apply(report("n"))).toBe(NO_CHANGES);
    expect(rig.view("n")).toMatchObject({ load: { cpuRatio: 0.5 }, lastBeatMs: 34_000 });
    rig.run(29_000);
    expect(rig.state("n")).toBe("alive");
  });

  test("are suspect after one ttl of silence and dead after two, without probes", () => {
    const rig = new MembershipRig();
    rig.join("a");
    rig.apply(register("n"));
    rig.run(29_900);
    expect(rig.state("n")).toBe("alive");
    rig.run(200);
    expect(rig.state("n")).toBe("suspect");
    rig.run(29_800);
    expect(rig.state("n")).toBe("suspect");
    rig.run(200);
    expect(rig.state("n")).toBe("dead");
    expect(only(rig.log, "probe")).toEqual([]);
  });

  test("a report makes a suspect alive, and the dead alive with a higher incarnation", () => {
    const rig = new MembershipRig();
    rig.apply(register("n"));
    rig.run(31_000);
    expect(pathOf(rig.apply(report("n")), "n")).toEqual(["suspect→alive"]);
    expect(rig.view("n").record.incarnation).toBe(1);
    rig.run(61_000);
    expect(pathOf(rig.apply(report("n")), "n")).toEqual(["dead→alive"]);
    expect(rig.view("n").record.incarnation).toBe(2);
  });

  test("are kept for a day when dead, since they were registered by hand", () => {
    const rig = new MembershipRig({ tickIntervalMs: 60_000 });
    rig.apply(register("n"));
    rig.run(23 * 3_600_000);
    expect(rig.state("n")).toBe("dead");
    rig.run(2 * 3_600_000);
    expect(rig.state("n")).toBeUndefined();
  });

  test("P-02 the same label and address is the same member, whatever id is offered", () => {
    const rig = new MembershipRig();
    rig.apply(register("n"));
    const again = register("other-id", { label: "n", address: "n.example:62001" });
    expect(rig.apply(again)).toBe(NO_CHANGES);
    expect(rig.membership.size).toBe(1);
    expect(rig.membership.findReported("n", "n.example:62001")?.record.memberId).toBe("n");
  });

  test("registering again with other tags updates the member", () => {
    const rig = new MembershipRig();
    rig.apply(register("n"));
    expect(pathOf(rig.apply(register("n", { tags: { rack: "7" } })), "n")).toEqual(["alive→alive"]);
    expect(rig.view("n").record.tags).toEqual({ rack: "7" });
  });

  test("a live id is refused to another address without a higher incarnation", () => {
    const rig = new MembershipRig();
    rig.apply(register("n"));
    rig.dataLink("n", true);
    const elsewhere = { address: "elsewhere.example:1" };
    expect(rig.apply(register("n", elsewhere))).toMatchObject([
      { kind: "refused", sessionId: undefined, error: { code: "DUPLICATE_MEMBER" } },
    ]);
    rig.apply(register("n", { ...elsewhere, incarnation: 2 }));
    expect(rig.view("n")).toMatchObject({ dataLinkUp: false, record: { address: "elsewhere.example:1" } });
    expect(rig.membership.findReported("n", "n.example:62001")).toBeUndefined();
    expect(rig.membership.findReported("n", "elsewhere.example:1")?.record.memberId).toBe("n");
  });

  test("the id of a worker with an agent is refused, and its reports change nothing", () => {
    const rig = new MembershipRig();
    rig.join("w");
    expect(kindsOf(rig.apply(register("w")))).toEqual(["refused"]);
    expect(rig.apply(report("w"))).toBe(NO_CHANGES);
    expect(rig.view("w").load).toEqual(NO_LOAD);
    expect(rig.apply(report("nobody"))).toBe(NO_CHANGES);
  });

  test("an agent of ours takes over from reports on the same node", () => {
    const rig = new MembershipRig();
    rig.apply(register("w"));
    rig.attach("w");
    rig.dataLink("w", true);
    expect(rig.view("w").record.liveness.kind).toBe("attached");
    rig.run(120_000);
    expect(rig.state("w")).toBe("alive");
    expect(rig.membership.findReported("w", "w.example:62001")).toBeUndefined();
  });

  test("an adopted one goes on without being suspected, its time counted anew", () => {
    const rig = new MembershipRig();
    const other = new MembershipRig();
    other.apply(register("n"));
    expect(only(rig.apply({ kind: "adopt", record: other.view("n").record }), "transition")).toEqual([]);
    rig.run(29_900);
    expect(rig.state("n")).toBe("alive");
    rig.run(200);
    expect(rig.state("n")).toBe("suspect");
  });
});
