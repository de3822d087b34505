import type { CallEnd, CallStart, IncomingCall, OutgoingCall } from "../../../src/core/call";
import { endOfError } from "../../../src/core/call-end";
import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import { InProcessConnection } from "../../../src/rpc/client/in-process-connection";

interface Pair {
  readonly connection: InProcessConnection;
  readonly call: OutgoingCall;
  /** Undefined until the serving side has it. */
  incoming(): IncomingCall | undefined;
  /** In the order in which each side was told. */
  readonly atCaller: string[];
  readonly atServer: string[];
  readonly ends: CallEnd[];
}

/** Whatever was put off to later in this turn of the loop has happened. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function begin(
  start: Partial<CallStart> = {},
  serve: (call: IncomingCall, told: (what: string) => void) => void = listen,
): Pair {
  let incoming: IncomingCall | undefined;
  const [atCaller, atServer, ends]: [string[], string[], CallEnd[]] = [[], [], []];
  const connection = new InProcessConnection((call) => {
    incoming = call;
    serve(call, (what) => atServer.push(what));
  });
  const call = connection.start(
    { path: "/a.B/C", metadata: new CallMetadata(), ...start },
    {
      accepted: ({ memberId }) => void atCaller.push(`accepted by ${memberId}`),
      headers: (metadata) => void atCaller.push(`headers ${metadata.entries().join()}`),
      message: (bytes) => void atCaller.push(Buffer.from(bytes).toString()),
      drained: () => void atCaller.push("drained"),
      ended: (end) => {
        atCaller.push(`ended ${end.status}`);
        ends.push(end);
      },
    },
  );
  return { connection, call, incoming: () => incoming, atCaller, atServer, ends };
}

function listen(call: IncomingCall, told: (what: string) => void): void {
  call.listen({
    message: (bytes) => told(Buffer.from(bytes).toString()),
    halfClosed: () => told("half-closed"),
    cancelled: () => told("cancelled"),
    drained: () => told("drained"),
  });
}

const ok = { status: Status.OK, message: "", trailers: new CallMetadata() };
const bytes = (text: string) => Buffer.from(text);

describe("A call within the process", () => {
  it("brings path, metadata, time left and every chunk in order, and the answer back", async () => {
    const metadata = CallMetadata.of({ "x-key": "1" });
    const { call, incoming, atCaller, atServer, ends } = begin({ metadata, timeoutMs: 250 });
    call.send(bytes("one"));
    call.send(bytes("two"));
    call.halfClose();
    await turn();
    expect(incoming()).toMatchObject({ path: "/a.B/C", timeoutMs: 250, metadata });
    expect(atServer).toEqual(["one", "two", "half-closed"]);

    incoming()!.accept!({ memberId: "w1", life: "1" });
    incoming()!.sendHeaders(CallMetadata.of({ "x-head": "h" }));
    incoming()!.send(bytes("answer"));
    incoming()!.finish({ ...ok, trailers: CallMetadata.of({ "x-end": "e" }) });
    expect(atCaller).toEqual(["accepted by w1", "headers x-head,h", "answer", "ended 0"]);
    expect(ends[0]!.trailers.text("x-end")).toBe("e");
  });

  it("I1 does not run the serving side within what the calling side does", async () => {
    const { call, atServer, incoming } = begin();
    expect(incoming()).toBeUndefined();
    await turn();
    call.send(bytes("one"));
    call.halfClose();
    expect(atServer).toEqual([]);
    await turn();
    call.cancel();
    expect(atServer).toEqual(["one", "half-closed"]);
    await turn();
    expect(atServer).toEqual(["one", "half-closed", "cancelled"]);
  });

  it("I2 gives the caller copies of answers, whatever becomes of the server's buffer", async () => {
    const received: Uint8Array[] = [];
    const connection = new InProcessConnection((call) => {
      call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
      const buffer = bytes("before");
      call.send(buffer);
      buffer.write("after!");
      call.finish(ok);
    });
    const listener = { headers: () => {}, message: (chunk: Uint8Array) => void received.push(chunk), ended: () => {} };
    connection.start({ path: "/a.B/C", metadata: new CallMetadata() }, listener);
    await turn();
    expect(Buffer.concat(received).toString()).toBe("before");
  });

  it("sends empty headers before a first answer that has none, and none at all where there is no answer", async () => {
    const answered = begin();
    const refused = begin();
    await turn();
    answered.incoming()!.send(bytes("a"));
    refused.incoming()!.finish(ok);
    expect(answered.atCaller).toEqual(["headers ", "a"]);
    expect(refused.atCaller).toEqual(["ended 0"]);
  });

  it("names the fabric's own errors to the caller", async () => {
    const { incoming, ends } = begin();
    await turn();
    incoming()!.finish(endOfError(new FabricError("QUEUE_FULL", "too many wait")));
    expect(ends[0]!.error).toMatchObject({ code: "QUEUE_FULL" });
    expect(ends[0]!.error!.message).toContain("too many wait");
  });

  it("a cancelled call ends once, with CANCELLED, and its server hears of it once and is heard no more", async () => {
    const { call, incoming, atCaller, atServer } = begin();
    await turn();
    call.cancel();
    call.cancel();
    expect(atCaller).toEqual([]);
    incoming()!.send(bytes("late"));
    incoming()!.finish(ok);
    await turn();
    expect(atCaller).toEqual([`ended ${Status.CANCELLED}`]);
    incoming()!.finish(ok);
    expect([atCaller.length, atServer.length]).toEqual([1, 0]); // it had finished it before it was told
  });

  it("a call that is cancelled in the turn it was made in never reaches the server", async () => {
    const { call, incoming, atCaller } = begin();
    call.cancel();
    await turn();
    expect(incoming()).toBeUndefined();
    expect(atCaller).toEqual([`ended ${Status.CANCELLED}`]);
  });

  it("after the end nothing is told, to neither side", async () => {
    const { call, incoming, atCaller, atServer } = begin();
    await turn();
    incoming()!.finish(ok);
    expect(call.send(bytes("late"))).toBe(true);
    call.halfClose();
    call.cancel();
    expect(incoming()!.send(bytes("late"))).toBe(true);
    incoming()!.sendHeaders(new CallMetadata());
    await turn();
    expect([atCaller, atServer]).toEqual([["ended 0"], []]);
  });

  it("a server that pauses holds its caller back, and lets it go on", async () => {
    const { call, incoming, atCaller, atServer } = begin();
    await turn();
    incoming()!.pause();
    expect(call.send(bytes("x".repeat(40_000)))).toBe(true);
    expect(call.send(bytes("y".repeat(40_000)))).toBe(false);
    await turn();
    expect([atServer, atCaller]).toEqual([[], []]);
    incoming()!.resume();
    await turn();
    expect(atServer.map((chunk) => chunk[0])).toEqual(["x", "y"]);
    expect(atCaller).toEqual(["drained"]);
  });

  it("a caller that pauses holds its server back, and the end waits behind the answers", async () => {
    const { call, incoming, atCaller, atServer } = begin();
    await turn();
    call.pause();
    expect(incoming()!.send(bytes("x".repeat(70_000)))).toBe(false);
    call.resume();
    await turn();
    expect(atServer).toEqual(["drained"]);
    call.pause();
    incoming()!.send(bytes("last"));
    incoming()!.finish(ok);
    await turn();
    expect(atCaller.at(-1)).toMatch(/^x+$/);
    call.resume();
    await turn();
    expect(atCaller.slice(-2)).toEqual(["last", "ended 0"]);
  });

  it("a listener that pauses within a message gets no other until it resumes", async () => {
    const { call, incoming, atServer } = begin({}, (serving, told) =>
      serving.listen({
        message: (chunk) => {
          told(Buffer.from(chunk).toString());
          serving.pause();
        },
        halfClosed: () => told("half-closed"),
        cancelled: () => told("cancelled"),
      }),
    );
    call.send(bytes("one"));
    call.send(bytes("two"));
    call.halfClose();
    await turn();
    expect(atServer).toEqual(["one"]);
    incoming()!.resume();
    await turn();
    expect(atServer).toEqual(["one", "two"]);
  });

  it("closing ends the calls in flight as lost, tells whoever watches, and refuses new ones", async () => {
    const { connection, atServer, atCaller, ends } = begin();
    const readiness: boolean[] = [];
    connection.onReadiness((ready) => readiness.push(ready));
    await turn();
    connection.close();
    connection.close();
    const later: CallEnd[] = [];
    const listener = { headers: () => {}, message: () => {}, ended: (end: CallEnd) => void later.push(end) };
    connection.start({ path: "/a.B/C", metadata: new CallMetadata() }, listener);
    await turn();
    expect(atServer).toEqual(["cancelled"]);
    expect(atCaller).toEqual([`ended ${Status.UNAVAILABLE}`]);
    expect([ends[0]!.error!.code, later[0]!.error!.code]).toEqual(["WORKER_LOST", "WORKER_UNREACHABLE"]);
    expect([readiness, connection.isReady()]).toEqual([[false], false]);
  });
});
