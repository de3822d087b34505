import { nearestName } from "../../../src/core/nearest-name";

describe("The nearest name", () => {
  it.each([
    ["Exceute", ["Execute", "Explain"], "Execute"],
    ["Execute", ["Execute", "Executed"], "Execute"],
    ["ab", ["abcde", "ab1"], "ab1"],
    ["something else", ["Execute"], undefined],
    ["x", [], undefined],
  ])("of %s among %j is %s", (given, names, nearest) => {
    expect(nearestName(given, names)).toBe(nearest);
  });

  it("is looked for without reading a text that is far too long for any of them", () => {
    let reads = 0;
    const name = new Proxy(new String("heddle.v1.DirectorService"), {
      get: (target, key) => {
        if (key !== "length") reads += 1;
        return Reflect.get(target, key) as unknown;
      },
    }) as unknown as string;
    expect(nearestName("a".repeat(32_000), [name])).toBeUndefined();
    expect(reads).toBe(0);
  });
});
