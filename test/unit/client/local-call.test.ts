import { localCall } from "../../../src/client/local-call";
import type { CallEnd } from "../../../src/core/call";
import { endOfError } from "../../../src/core/call-end";
import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";

const bytes = (text: string) => Buffer.from(text);

function open() {
  const seen: string[] = [];
  const ends: CallEnd[] = [];
  const { outgoing, incoming } = localCall(
    { path: "/a.B/C", metadata: CallMetadata.of({ a: "1" }), timeoutMs: 500 },
    {
      headers: (metadata) => seen.push(`headers ${metadata.text("x")}`),
      message: (message) => seen.push(`answer ${Buffer.from(message).toString()}`),
      ended: (end) => ends.push(end),
      drained: () => seen.push("caller may go on"),
    },
  );
  incoming.listen({
    message: (message) => seen.push(`request ${Buffer.from(message).toString()}`),
    halfClosed: () => seen.push("half-closed"),
    cancelled: () => seen.push("cancelled"),
    drained: () => seen.push("server may go on"),
  });
  return { outgoing, incoming, seen, ends };
}

const OK = { status: Status.OK, message: "", trailers: new CallMetadata() } as const;

describe("A call inside the process", () => {
  it("is seen by both sides as if it had come over the network", () => {
    const { outgoing, incoming, seen, ends } = open();
    outgoing.send(bytes("one"));
    outgoing.halfClose();
    incoming.sendHeaders(CallMetadata.of({ x: "y" }));
    incoming.send(bytes("first"));
    incoming.finish(OK);
    expect([incoming.path, incoming.metadata.text("a"), incoming.timeoutMs]).toEqual(["/a.B/C", "1", 500]);
    expect(seen).toEqual(["request one", "half-closed", "headers y", "answer first"]);
    expect(ends).toEqual([OK]);
  });

  it("ends once: nothing is told after the end, whichever side made it", () => {
    const finished = open();
    finished.incoming.finish(OK);
    const cancelled = open();
    cancelled.outgoing.cancel();
    for (const { outgoing, incoming } of [finished, cancelled]) {
      outgoing.send(bytes("late"));
      outgoing.halfClose();
      outgoing.cancel();
      incoming.sendHeaders(new CallMetadata());
      incoming.send(bytes("late"));
      incoming.finish(OK);
    }
    expect([finished.ends.length, finished.seen]).toEqual([1, []]);
    expect([cancelled.ends.map((end) => end.error?.code), cancelled.seen]).toEqual([["CANCELLED"], ["cancelled"]]);
  });

  it("stops either side for the other, and tells it to go on once", () => {
    const { outgoing, incoming, seen } = open();
    incoming.pause();
    const mayRequest = outgoing.send(bytes("one"));
    incoming.resume();
    incoming.resume();
    outgoing.pause();
    const mayAnswer = incoming.send(bytes("first"));
    outgoing.resume();
    outgoing.resume();
    expect([mayRequest, mayAnswer]).toEqual([false, false]);
    expect(seen).toEqual(["request one", "caller may go on", "answer first", "server may go on"]);
  });

  it("tells the caller what an error means, as on the network", () => {
    const fabric = open();
    fabric.incoming.finish(endOfError(new FabricError("WORKER_FULL", "all slots are in use")));
    const workers = open();
    workers.incoming.finish({ status: Status.NOT_FOUND, message: "no cart", trailers: new CallMetadata() });
    const odd = open();
    odd.incoming.finish({ ...OK, status: Status.ABORTED, trailers: CallMetadata.of({ "heddle-error": "toString" }) });
    const errors = [fabric, workers, odd].map(({ ends }) => ends[0]?.error);
    expect(errors.map((error) => [error?.code, error?.status, error?.message])).toEqual([
      ["WORKER_FULL", 8, "[WORKER_FULL] all slots are in use"],
      ["REMOTE", 5, "[REMOTE] no cart"],
      ["REMOTE", 10, "[REMOTE] "],
    ]);
  });
});
