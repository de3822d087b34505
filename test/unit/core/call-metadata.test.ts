import { endOfError, safeMessage } from "../../../src/core/call-end";
import { CallMetadata } from "../../../src/core/call-metadata";
import { asFabricError, FabricError, messageOf } from "../../../src/core/errors";
import { directedMetadata, routingOf, withoutRouting, withServer } from "../../../src/core/heddle-metadata";

describe("CallMetadata", () => {
  it("keeps order and repeated keys, in lower case", () => {
    const metadata = CallMetadata.of({ "X-Trace": "1", "data-bin": new Uint8Array([1, 2]) });
    metadata.append("x-trace", "2");
    expect(metadata.entries()).toEqual([
      ["x-trace", "1"],
      ["data-bin", new Uint8Array([1, 2])],
      ["x-trace", "2"],
    ]);
    expect(metadata.text("x-trace")).toBe("1");
    expect(metadata.bytes("data-bin")).toEqual(new Uint8Array([1, 2]));
    expect(metadata.text("data-bin")).toBeUndefined();
  });

  it("replaces every value of a key", () => {
    const metadata = CallMetadata.of({ a: "1", b: "2" });
    metadata.append("a", "3");
    metadata.set("A", "4");
    expect(metadata.entries()).toEqual([
      ["b", "2"],
      ["a", "4"],
    ]);
  });

  it("has clones that do not change with it", () => {
    const metadata = CallMetadata.of({ a: "1" });
    const clone = metadata.clone();
    metadata.set("a", "2");
    expect([clone.text("a"), clone.size]).toEqual(["1", 1]);
  });

  it("keeps what is meant for the director from the worker, and nothing else", () => {
    const asked = {
      "heddle-match": "gpu=true",
      "heddle-affinity": "k",
      "heddle-policy": "random",
      "heddle-worker": "w1",
    };
    const metadata = CallMetadata.of({ ...asked, authorization: "secret" });
    expect(routingOf(metadata)).toEqual({ match: "gpu=true", affinityKey: "k", policy: "random", memberId: "w1" });
    expect(withoutRouting(metadata).entries()).toEqual([["authorization", "secret"]]);
  });
});

describe("What a director makes of metadata", () => {
  it("names the director after those that passed the call on before, and knows a call that comes back", () => {
    const first = directedMetadata(CallMetadata.of({ a: "1", "heddle-worker": "w1" }), "d1");
    const second = directedMetadata(first.forwarded, "d2");
    const third = directedMetadata(second.forwarded, "d1");
    expect([first, second, third].map(({ cameBack }) => cameBack)).toEqual([false, false, true]);
    expect(second.forwarded.entries()).toEqual([
      ["a", "1"],
      ["heddle-via", "d1,d2"],
    ]);
    expect([first.routing.memberId, second.routing.memberId]).toEqual(["w1", undefined]);
  });

  it("is made once for calls that share their metadata, and anew for another director or after a change", () => {
    const metadata = CallMetadata.of({ a: "1" });
    const first = directedMetadata(metadata, "d1");
    expect(directedMetadata(metadata, "d1")).toBe(first);
    expect(directedMetadata(metadata, "d2").forwarded.text("heddle-via")).toBe("d2");
    for (const change of [
      () => metadata.append("heddle-match", "gpu"),
      () => metadata.set("heddle-match", "cpu"),
      () => metadata.delete("heddle-match"),
    ]) {
      const before = directedMetadata(metadata, "d1").routing.match;
      change();
      expect(directedMetadata(metadata, "d1").routing.match).not.toBe(before);
    }
  });

  it("is not taken over by a clone, nor by a copy without some keys", () => {
    const metadata = CallMetadata.of({ a: "1" });
    directedMetadata(metadata, "d1");
    const clone = metadata.clone();
    clone.set("heddle-match", "gpu");
    expect(directedMetadata(clone, "d1").routing.match).toBe("gpu");
    expect(metadata.without(new Set(["a"])).derived).toBeUndefined();
  });

  it("says in trailers who answered, unless they say it already, and leaves the given ones as they are", () => {
    const trailers = CallMetadata.of({ "x-cost": "3" });
    const served = [withServer(trailers, "w1", 1), withServer(trailers, "w2", 1), withServer(trailers, "w2", 2)];
    expect(served.map((each) => [each.text("heddle-worker"), each.text("heddle-attempts")])).toEqual([
      ["w1", "1"],
      ["w2", "1"],
      ["w2", "2"],
    ]);
    expect(withServer(trailers, "w2", 2)).toBe(served[2]);
    expect(trailers.entries()).toEqual([["x-cost", "3"]]);
    const told = CallMetadata.of({ "heddle-worker": "w9" });
    expect(withServer(told, "w1", 1)).toBe(told);
  });
});

describe("Errors at the boundary", () => {
  it.each([
    ["an Error", new Error("broken"), "broken"],
    ["a string", "broken", "broken"],
    ["undefined", undefined, "undefined"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["an object without a prototype", Object.create(null), "[object Object]"],
    [
      "an object whose text cannot be had",
      { toString: () => { throw new Error("no"); } }, // prettier-ignore
      "[object Object]",
    ],
    [
      "an error whose message cannot be read",
      { get message(): string { throw new Error("no"); } }, // prettier-ignore
      "[object Object]",
    ],
  ])("gives words to %s that was thrown", (_name, thrown, words) => {
    expect(messageOf(thrown)).toBe(words);
    expect(asFabricError(thrown, "REMOTE").message).toBe(`[REMOTE] ${words}`);
  });

  it("leaves a FabricError as it is", () => {
    const error = new FabricError("WORKER_FULL", "full");
    expect(asFabricError(error, "REMOTE")).toBe(error);
  });

  it("makes a status message that every stack can carry: well-formed, at most 1,024 characters", () => {
    expect(safeMessage("a\ud800b")).toBe("a\ufffdb");
    expect(safeMessage(`${"x".repeat(1_023)}😀`).isWellFormed()).toBe(true);
    expect(safeMessage("x".repeat(5_000))).toHaveLength(1_024);
  });

  it("sends the code of an error along in a trailer", () => {
    const { status, message, trailers } = endOfError(new FabricError("WORKER_FULL", "all 2 slots are in use"));
    expect([status, message, trailers.text("heddle-error")]).toEqual([
      8,
      "[WORKER_FULL] all 2 slots are in use",
      "WORKER_FULL",
    ]);
  });
});
