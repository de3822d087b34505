import { CallLeg, type LegOwner } from "../../../src/balancing/call-leg";
import { KeptRequests } from "../../../src/balancing/kept-requests";
import { CHUNK_OVERHEAD_BYTES, RetryMemory } from "../../../src/balancing/retry-memory";
import { CallMetadata } from "../../../src/core/call-metadata";
import { Status } from "../../../src/core/status";
import { StubCaller } from "../../support/stub-caller";

const OK = { status: Status.OK, message: "", trailers: new CallMetadata() };
const bytes = (text: string) => Buffer.from(text);

function leg() {
  const told: string[] = [];
  const owner: LegOwner = {
    headers: () => void told.push("headers"),
    message: (_leg, message) => told.push(`message ${Buffer.from(message).toString()}`) < 0,
    ended: (_leg, end) => void told.push(`ended ${end.status}`),
    requestsUnwanted: () => void told.push("unwanted"),
    requestsWanted: () => void told.push("wanted"),
  };
  const heard: string[] = [];
  const made = new CallLeg(new StubCaller().call, 500, owner);
  made.listen({
    message: (message) => void heard.push(`message ${Buffer.from(message).toString()}`),
    halfClosed: () => void heard.push("half-closed"),
    cancelled: () => void heard.push("cancelled"),
    drained: () => void heard.push("drained"),
  });
  return { leg: made, told, heard };
}

describe("CallLeg", () => {
  it("carries what is said in both directions, with the caller's path and the time that is left", () => {
    const { leg: made, told, heard } = leg();
    made.request(bytes("a"));
    made.halfClose();
    made.sendHeaders(new CallMetadata());
    const takesMore = made.send(bytes("b"));
    made.drained();
    made.pause();
    made.resume();
    made.finish(OK);
    expect([made.path, made.timeoutMs, takesMore]).toEqual(["/a.B/C", 500, false]);
    expect(heard).toEqual(["message a", "half-closed", "drained"]);
    expect(told).toEqual(["headers", "message b", "unwanted", "wanted", "ended 0"]);
  });

  it.each(["its end", "a cancel"])("L1 what it says after %s reaches nobody", (last) => {
    const { leg: made, told, heard } = leg();
    if (last === "a cancel") made.cancel();
    else made.finish(OK);
    const before = [told.length, heard.length];
    made.sendHeaders(new CallMetadata());
    expect(made.send(bytes("b"))).toBe(true);
    made.finish(OK);
    made.request(bytes("a"));
    made.cancel();
    made.drained();
    expect([told.length, heard.length]).toEqual(before);
  });
});

describe("KeptRequests", () => {
  it("replays all of them, and their end, and gives their memory back", () => {
    const memory = new RetryMemory(1_000);
    const kept = new KeptRequests(10, memory);
    kept.keep(bytes("ab"));
    kept.keep(bytes("cde"));
    kept.halfClosed();
    const { leg: made, heard } = leg();
    kept.replay(made);
    expect(heard).toEqual(["message ab", "message cde", "half-closed"]);
    expect(memory.bytes).toBe(5 + 2 * CHUNK_OVERHEAD_BYTES);
    kept.drop();
    kept.drop();
    expect([memory.bytes, kept.isWhole]).toEqual([0, false]);
  });

  it("keeps none once there is one too many, or the memory of all calls is full", () => {
    const memory = new RetryMemory(1_000);
    const kept = new KeptRequests(4, memory);
    kept.keep(bytes("ab"));
    kept.keep(bytes("cde"));
    expect([memory.bytes, kept.isWhole]).toEqual([0, false]);
    memory.take(1_001);
    const late = new KeptRequests(4, memory);
    late.keep(bytes("a"));
    expect([memory.bytes, late.isWhole]).toEqual([1_001, false]);
  });
});
