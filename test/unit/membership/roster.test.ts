import fc from "fast-check";
import { seededRandom } from "../../../src/core/random";
import { Roster } from "../../../src/membership/roster";
import { Attention } from "../../../src/membership/self-suspicion";
import { TrackedMember } from "../../../src/membership/tracked-member";
import { identityOf } from "./membership-rig";

const ATTENTION = new Attention({ tickIntervalMs: 100, stallToleranceMs: 50, stallGraceMs: 1_000, holdMaxMs: 3_000 });

function memberOf(memberId: string): TrackedMember {
  const record = {
    ...identityOf(memberId),
    state: "alive" as const,
    stateReason: "",
    stateSinceUnixMs: 0,
    joinedAtUnixMs: 0,
    homeDirectorId: "director-1",
  };
  return new TrackedMember(record, 1_000, ATTENTION);
}

describe("Roster", () => {
  test("after any adding and removing, a sample is of distinct present members, and all if all are asked for", () => {
    const ids = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 80 });
    fc.assert(
      fc.property(ids, fc.integer(), (toggled, seed) => {
        const roster = new Roster();
        const present = new Set<string>();
        for (const id of toggled.map(String)) {
          const known = roster.get(id);
          if (known) roster.remove(known);
          else roster.add(memberOf(id));
          if (!present.delete(id)) present.add(id);
        }
        const ids = (members: Iterable<TrackedMember>) => [...members].map((member) => member.memberId).sort();
        expect(ids(roster.values())).toEqual([...present].sort());
        expect(ids(roster.sample(20, seededRandom(seed), () => true))).toEqual([...present].sort());
        const few = ids(roster.sample(3, seededRandom(seed), (member) => member.memberId !== "5"));
        expect(few).not.toContain("5");
        expect(new Set(few).size).toBe(few.length);
        present.delete("5");
        expect(few.length).toBe(Math.min(3, present.size));
      }),
    );
  });

  test.each([
    ["most are eligible", () => true],
    ["few are eligible", (member: TrackedMember) => Number(member.memberId) < 5],
  ])("every eligible member is as likely as any other when %s", (_name, eligible) => {
    const roster = new Roster();
    for (let id = 0; id < 40; id += 1) roster.add(memberOf(String(id)));
    const random = seededRandom(11);
    const counts = new Map<string, number>();
    for (let round = 0; round < 8_000; round += 1) {
      for (const { memberId } of roster.sample(3, random, eligible)) {
        counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
      }
    }
    const expected = (3 * 8_000) / counts.size;
    for (const count of counts.values()) expect(Math.abs(count / expected - 1)).toBeLessThan(0.15);
  });
});
