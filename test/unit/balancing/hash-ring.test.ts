import { HashRing, hashKey } from "../../../src/balancing/hash-ring";
import { hashString } from "../../../src/balancing/string-hash";

const KEYS = Array.from({ length: 20_000 }, (_, index) => hashKey(`session-${index}`));
const members = (count: number) => Array.from({ length: count }, (_, index) => `worker-${index}`);

function owners(memberIds: readonly string[]): string[] {
  const ring = new HashRing(memberIds);
  return KEYS.map((key) => memberIds[ring.memberAt(ring.placeOf(key))]!);
}

describe("HashRing", () => {
  it.each([1, 2, 10, 100, 1_000])("spreads keys over %d members, none above 1.6 × the mean", (count) => {
    const counts = new Map<string, number>();
    for (const owner of owners(members(count))) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    const mean = KEYS.length / count;
    // Chance alone makes a member exceed its share by some deviations of √mean.
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(1.6 * mean + 4 * Math.sqrt(mean));
  });

  it("moves at most 7 % of the keys when one of 20 members is added, all of them to it", () => {
    const before = owners(members(19));
    const after = owners(members(20));
    const moved = after.filter((owner, key) => owner !== before[key]);
    expect(moved.length / KEYS.length).toBeLessThanOrEqual(0.07);
    expect(new Set(moved)).toEqual(new Set(["worker-19"]));
  });

  it("does not depend on the order of its members", () => {
    expect(owners(members(50).reverse())).toEqual(owners(members(50)));
  });

  it("has each member at the places that it says", () => {
    const ring = new HashRing(members(30));
    const places = members(30).flatMap((_, member) => [...ring.placesOf(member)].map((place) => ({ place, member })));
    expect(places.map(({ place }) => ring.memberAt(place))).toEqual(places.map(({ member }) => member));
    expect(new Set(places.map(({ place }) => place)).size).toBe(ring.size);
  });
});

describe("hashString", () => {
  it("gives each text a number of its own, and another one with another seed", () => {
    const hashes = new Set(Array.from({ length: 10_000 }, (_, index) => hashString(`worker-${index}`, 1)));
    expect(hashes.size).toBe(10_000);
    expect(hashString("worker-1", 1)).not.toBe(hashString("worker-1", 2));
  });
});
