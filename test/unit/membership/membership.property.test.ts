import fc from "fast-check";
import { NO_LOAD, type MemberState } from "../../../src/core/member";
import { NO_CHANGES, type MembershipEvent } from "../../../src/membership/events";
import { identityOf, MembershipRig, only } from "./membership-rig";

// A failure prints its seed and path: put them into RUNS to replay it.
const RUNS: fc.Parameters<unknown> = { numRuns: 300 };

const memberId = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
const address = fc.constantFrom(...["a", "b", "c", "d", "e", "f", "g"].map((name) => `${name}.example:62001`));
const reason = fc.constant("because");
const incarnation = fc.integer({ min: 1, max: 4 });

/** Sessions are named after their member, so that events often, but not always, meet the current one. */
const session = fc.tuple(memberId, fc.integer({ min: 1, max: 3 })).map(([id, serial]) => ({
  memberId: id,
  sessionId: `${id}-${serial}`,
}));

const attach = fc
  .record({ session, incarnation, moved: fc.option(address, { freq: 8 }), slow: fc.boolean() })
  .map(({ session: { memberId: id, sessionId }, incarnation: life, moved, slow }) => ({
    kind: "attach" as const,
    sessionId,
    identity: identityOf(id, { incarnation: life, ...(moved === null ? {} : { address: moved }) }),
    ...(slow ? { heartbeatIntervalMs: 3_000 } : {}),
  }));

const reported = fc.record({ memberId, incarnation, ttlMs: fc.constantFrom(1_000, 30_000) });

type Move = MembershipEvent | { readonly kind: "pass"; readonly durationMs: number } | { readonly kind: "stall"; readonly durationMs: number } | { readonly kind: "good-beat"; readonly memberId: string }; // prettier-ignore

const event: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: attach },
  { weight: 6, arbitrary: memberId.map((id) => ({ kind: "good-beat" as const, memberId: id })) },
  {
    weight: 2,
    arbitrary: fc
      .record({ session, seq: fc.integer({ min: 0, max: 4 }), serving: fc.boolean() })
      .map(({ session: of, seq, serving }) => ({ kind: "beat" as const, ...of, seq, serving, load: NO_LOAD })),
  },
  { weight: 2, arbitrary: session.map((of) => ({ kind: "stream-broken" as const, ...of, reason: "reset" })) },
  { weight: 1, arbitrary: session.map((of) => ({ kind: "draining" as const, ...of, reason: "SIGTERM" })) },
  { weight: 1, arbitrary: session.map((of) => ({ kind: "goodbye" as const, ...of, reason: "done" })) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("data-link" as const), memberId, up: fc.boolean(), reason }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("probed" as const),
      memberId,
      probeId: fc.integer({ min: 1, max: 6 }).map((serial) => `probe-${serial}`),
      via: memberId,
      reachable: fc.boolean(),
      detail: reason,
    }),
  },
  {
    weight: 1,
    arbitrary: reported.map(({ memberId: id, incarnation: life, ttlMs }) => ({
      kind: "register" as const,
      identity: identityOf(id, { incarnation: life, liveness: { kind: "reported" as const, ttlMs } }),
    })),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("report" as const), memberId, load: fc.constant(NO_LOAD) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), memberId, reason }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release" as const), memberId }) },
  {
    weight: 1,
    arbitrary: fc
      .record({
        memberId,
        incarnation,
        state: fc.constantFrom<MemberState>("joining", "alive", "suspect", "dead", "draining", "left"),
      })
      .map(({ memberId: id, incarnation: life, state }) => ({
        kind: "adopt" as const,
        record: {
          ...identityOf(id, { incarnation: life }),
          state,
          stateReason: "found",
          stateSinceUnixMs: 1,
          joinedAtUnixMs: 1,
          homeDirectorId: "director-1",
        },
      })),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), durationMs: fc.integer({ min: 0, max: 4_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("stall" as const), durationMs: fc.integer({ min: 0, max: 60_000 }) }),
  },
);

/** What is known of each member between events: all that the invariants compare with. */
class Witness {
  readonly rig = new MembershipRig();
  readonly #seqs = new Map<string, number>();

  play(move: Move): void {
    if (move.kind === "pass") this.#pass(move.durationMs);
    else if (move.kind === "stall") this.rig.nowMs += move.durationMs;
    else if (move.kind === "good-beat") this.#goodBeat(move.memberId);
    else this.apply(move);
  }

  apply(applied: MembershipEvent): void {
    const before = new Map([...this.rig.membership.members()].map(({ record }) => [record.memberId, record]));
    const changes = this.rig.apply(applied);
    for (const { record, memberId: id } of only(changes, "transition")) {
      const was = before.get(id);
      before.set(id, record);
      if (!was) continue;
      // M1, M2, M7, as one list of what must not be.
      expect({
        incarnationFell: record.incarnation < was.incarnation,
        roseFromTheGrave: isGone(was.state) && !isGone(record.state) && record.incarnation <= was.incarnation,
        diedUnsuspected: record.state === "dead" && was.state !== "suspect",
      }).toEqual({ incarnationFell: false, roseFromTheGrave: false, diedUnsuspected: false });
    }
    this.#checkMembers();
    this.#checkReadinessIsPublished();
  }

  #checkMembers(): void {
    const counted: Record<string, number> = {};
    for (const member of this.rig.membership.members()) {
      const { state, liveness } = member.record;
      counted[state] = (counted[state] ?? 0) + 1;
      const mayBeReady =
        state === "alive" &&
        member.dataLinkUp &&
        member.serving &&
        (liveness.kind === "reported" || member.sessionId !== undefined);
      expect(member.ready).toBe(mayBeReady); // M4
      expect(member.notReadyReason === "").toBe(member.ready);
      expect(isGone(state) && member.sessionId !== undefined).toBe(false);
      const isPresent = state === "joining" || state === "alive" || state === "draining";
      expect(isPresent && liveness.kind === "attached" && member.sessionId === undefined).toBe(false);
      expect(Number.isFinite(member.phi(this.rig.nowMs))).toBe(true);
    }
    expect(this.rig.membership.countByState).toMatchObject(counted);
    expect(this.rig.membership.size).toBe(Object.values(counted).reduce((sum, count) => sum + count, 0));
  }

  /** Who follows the changes alone knows who is ready. */
  #checkReadinessIsPublished(): void {
    const told = new Map<string, boolean>();
    for (const change of this.rig.log) {
      if (change.kind === "readiness") told.set(change.memberId, change.ready);
      if (change.kind === "forget") told.delete(change.memberId);
    }
    for (const member of this.rig.membership.members()) {
      expect(told.get(member.record.memberId)).toBe(member.ready);
    }
  }

  /** The next beat on the member's current session, as its worker would send it. */
  #goodBeat(id: string): void {
    const sessionId = this.rig.membership.get(id)?.sessionId;
    if (sessionId === undefined) return;
    const seq = (this.#seqs.get(sessionId) ?? 0) + 1;
    this.#seqs.set(sessionId, seq);
    this.apply({ kind: "beat", memberId: id, sessionId, seq, load: NO_LOAD, serving: true });
  }

  #pass(durationMs: number): void {
    for (let passedMs = 0; passedMs < durationMs; passedMs += this.rig.options.tickIntervalMs) {
      this.rig.nowMs += this.rig.options.tickIntervalMs;
      this.apply({ kind: "tick" });
    }
  }
}

function isGone(state: MemberState): boolean {
  return state === "dead" || state === "left";
}

describe("whatever happens, in whatever order", () => {
  test("nothing throws, the invariants hold, and every suspect ends", () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 60 }), (moves) => {
        const witness = new Witness();
        for (const move of moves) witness.play(move);
        const { rig } = witness;
        // M6: as ticks go on, and nobody gives a sign of life, no suspect is left. 2 × 30 s is the longest ttl here.
        rig.run(75_000);
        expect(rig.membership.countByState.suspect).toBe(0);
      }),
      RUNS,
    );
  });

  test("the same events give the same changes", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (moves) => {
        const logs = [new Witness(), new Witness()].map((witness) => {
          for (const move of moves) witness.play(move);
          return witness.rig.log;
        });
        expect(logs[0]).toEqual(logs[1]);
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  test("workers that beat within the acceptable pause are never suspected, and their beats change nothing (M9)", () => {
    const jitters = fc.array(fc.integer({ min: -250, max: 250 }), { minLength: 30, maxLength: 150 });
    fc.assert(
      fc.property(jitters, (jittersMs) => {
        const rig = new MembershipRig();
        rig.join("w");
        rig.silence("w"); // the test beats for it
        for (const jitterMs of jittersMs) {
          rig.run(1_000 + jitterMs);
          expect(rig.beat("w")).toBe(NO_CHANGES);
        }
        expect(rig.state("w")).toBe("alive");
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  test("a director that stalls at any times, for any time, suspects none of those who beat on", () => {
    const stalls = fc.array(fc.tuple(fc.integer({ min: 100, max: 5_000 }), fc.integer({ min: 0, max: 30_000 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(stalls, fc.boolean(), (pairs, socketsFirst) => {
        const rig = new MembershipRig();
        rig.join("a", "b", "c", "d", "e");
        rig.run(10_000);
        const from = rig.log.length;
        for (const [runMs, stallMs] of pairs) {
          rig.run(runMs);
          const { deliver } = rig.stall(stallMs);
          if (socketsFirst) deliver();
          rig.apply({ kind: "tick" });
          if (!socketsFirst) deliver();
        }
        rig.run(5_000);
        expect(only(rig.log.slice(from), "transition")).toEqual([]);
      }),
      { ...RUNS, numRuns: 200 },
    );
  });
});
