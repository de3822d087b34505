import { kindsOf, MembershipRig, only, pathOf, WALL_OFFSET_MS } from "./membership-rig";

describe("R-02 who may attach", () => {
  test("a new worker joins, and is alive and ready once its data link is up", () => {
    const rig = new MembershipRig();
    const joined = rig.attach("w");
    expect(kindsOf(joined)).toEqual(["transition", "readiness"]);
    expect(rig.view("w")).toMatchObject({ ready: false, sessionId: "session-1", dataLinkUp: false });
    expect(rig.view("w").record).toMatchObject({
      state: "joining",
      homeDirectorId: "director-1",
      joinedAtUnixMs: WALL_OFFSET_MS + 5_000,
      stateSinceUnixMs: WALL_OFFSET_MS + 5_000,
    });
    const linked = rig.dataLink("w", true);
    expect(pathOf(linked, "w")).toEqual(["joining→alive"]);
    expect(only(linked, "readiness")).toEqual([
      { kind: "readiness", memberId: "w", ready: true, serving: true, dataLinkUp: true, reason: "" },
    ]);
  });

  test("a data link that was up before the worker attached again counts", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const changes = rig.attach("w", { incarnation: 2 });
    expect(pathOf(changes, "w")).toEqual(["alive→joining", "joining→alive"]);
  });

  test("an older incarnation is refused with STALE_INCARNATION, naming both", () => {
    const rig = new MembershipRig();
    rig.attach("w", { incarnation: 7 });
    const [refusal] = only(rig.attach("w", { incarnation: 6 }), "refused");
    expect(refusal).toMatchObject({ memberId: "w", sessionId: "session-2", error: { code: "STALE_INCARNATION" } });
    expect(refusal?.error.message).toContain("incarnation 6");
    expect(refusal?.error.message).toContain("incarnation 7 is known");
    expect(rig.view("w").sessionId).toBe("session-1");
  });

  test("a Hello of a stream that the worker gave up for a later one, at another director, is refused and changes nothing", () => {
    const rig = new MembershipRig();
    const home = new MembershipRig();
    home.attach("w", { incarnation: 7, attachment: 3 });
    const stored = home.view("w").record;
    const late = rig.attach("w", { incarnation: 7, attachment: 2 }, { stored });
    expect(only(late, "refused")).toMatchObject([{ error: { code: "SESSION_REPLACED" } }]);
    expect(kindsOf(late)).toEqual(["refused"]);
    expect(kindsOf(rig.attach("w", { incarnation: 7, attachment: 4 }, { stored }))).toContain("transition");
  });

  test("the same life resumes after its link flapped, and nobody is told to leave", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.breakStream("w");
    const changes = rig.attach("w");
    expect(pathOf(changes, "w")).toEqual(["suspect→alive"]);
    expect(only(changes, "close-session")).toEqual([]);
    expect(rig.view("w").ready).toBe(true);
  });

  test("a second stream of the same life takes the place of the first, without a new record", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const changes = rig.attach("w");
    expect(kindsOf(changes)).toEqual(["close-session"]);
    expect(changes[0]).toMatchObject({ sessionId: "session-1", error: { code: "SESSION_REPLACED" } });
    expect(rig.view("w").sessionId).toBe("session-2");
    // The end of the replaced stream is no news.
    expect(rig.apply({ kind: "stream-broken", memberId: "w", sessionId: "session-1", reason: "closed" })).toEqual([]);
    expect(rig.state("w")).toBe("alive");
  });

  test("a higher incarnation takes the place of a live one at the same address", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const joinedAtUnixMs = rig.view("w").record.joinedAtUnixMs;
    rig.run(5_000);
    const changes = rig.attach("w", { incarnation: 2, tags: { zone: "b" } });
    expect(changes[0]).toMatchObject({ kind: "close-session", error: { code: "SESSION_REPLACED" } });
    expect(rig.view("w").record).toMatchObject({ incarnation: 2, tags: { zone: "b" }, joinedAtUnixMs });
  });

  test("what a worker says anew of itself on a new stream is written", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const since = rig.view("w").record.stateSinceUnixMs;
    rig.run(2_000);
    const changes = rig.attach("w", { descriptorSetHash: "beef" });
    expect(pathOf(changes, "w")).toEqual(["alive→alive"]);
    expect(rig.view("w").record).toMatchObject({ descriptorSetHash: "beef", stateSinceUnixMs: since });
  });

  test("a live worker's id is refused to another address, naming both and the remedy", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const before = rig.view("w").record;
    for (const incarnation of [0, 1, 2]) {
      const changes = rig.attach("w", { incarnation, address: "other.example:62001" });
      expect(kindsOf(changes)).toEqual(["refused"]);
      const { error } = only(changes, "refused")[0]!;
      expect(error.code).toBe("DUPLICATE_MEMBER");
      for (const part of ["w.example:62001", "other.example:62001", "WORKER_LABEL"]) {
        expect(error.message).toContain(part);
      }
    }
    expect(rig.view("w").record).toBe(before);
    expect(rig.view("w").ready).toBe(true);
  });

  test("once the holder is suspect or dead, a higher incarnation takes over its id at another address", () => {
    const rig = new MembershipRig();
    rig.join("w", "a");
    rig.breakStream("w");
    const changes = rig.attach("w", { incarnation: 2, address: "other.example:62001" });
    expect(pathOf(changes, "w")).toEqual(["suspect→joining"]);
    // The link to the old address says nothing of the new one.
    expect(rig.view("w").dataLinkUp).toBe(false);
    const late = { kind: "data-link", memberId: "w", up: true, reason: "", address: "w.example:62001" } as const;
    expect(rig.apply(late)).toEqual([]);
    expect(pathOf(rig.apply({ ...late, address: "other.example:62001" }), "w")).toEqual(["joining→alive"]);
  });

  test("dead is final for an incarnation: the worker is told to raise it, and then may come", () => {
    const rig = new MembershipRig();
    rig.join("w");
    rig.dataLink("w", false);
    rig.breakStream("w");
    expect(rig.state("w")).toBe("dead");
    const [refusal] = only(rig.attach("w"), "refused");
    expect(refusal?.error.code).toBe("STALE_INCARNATION");
    expect(refusal?.error.message).toContain("attach again with a higher incarnation");
    expect(pathOf(rig.attach("w", { incarnation: 2 }), "w")).toEqual(["dead→joining"]);
  });

  test("a second Hello on the same stream is a violation", () => {
    const rig = new MembershipRig();
    rig.join("w");
    const event = { kind: "attach", sessionId: "session-1", identity: rig.worker("w").identity } as const;
    expect(rig.apply(event)).toMatchObject([{ kind: "refused", error: { code: "PROTOCOL_VIOLATION" } }]);
  });

  describe("when another director holds the record", () => {
    const elsewhere = (rig: MembershipRig, state: "alive" | "dead" | "draining" | "suspect") => {
      const other = new MembershipRig();
      other.join("w");
      return { stored: { ...other.view("w").record, state, homeDirectorId: "director-2", joinedAtUnixMs: 42 }, rig };
    };

    test("a life that moves here goes on, and keeps its time of joining", () => {
      const { stored, rig } = elsewhere(new MembershipRig(), "alive");
      const changes = rig.attach("w", {}, { stored });
      expect(pathOf(changes, "w")).toEqual(["alive→alive"]);
      expect(rig.view("w").record).toMatchObject({ joinedAtUnixMs: 42, homeDirectorId: "director-1" });
      expect(rig.view("w").ready).toBe(false); // until this director's own data link is up
    });

    test("a life that was judged dead there is refused here", () => {
      const { stored, rig } = elsewhere(new MembershipRig(), "dead");
      expect(only(rig.attach("w", {}, { stored }), "refused")[0]?.error.code).toBe("STALE_INCARNATION");
      expect(rig.membership.size).toBe(0);
    });

    test("a live member there at another address is a duplicate here", () => {
      const { stored, rig } = elsewhere(new MembershipRig(), "alive");
      const changes = rig.attach("w", { incarnation: 2, address: "other.example:1" }, { stored });
      expect(only(changes, "refused")[0]?.error.code).toBe("DUPLICATE_MEMBER");
    });

    test("a draining one goes on draining", () => {
      const { stored, rig } = elsewhere(new MembershipRig(), "draining");
      rig.attach("w", {}, { stored });
      expect(rig.state("w")).toBe("draining");
    });
  });
});
