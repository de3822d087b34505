import { connect } from "node:net";

import { Status } from "../../src/core/status";
import { start, taking, WireRig, type Taken } from "./grpc-fixtures";

const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4] as const;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, streamId: number, payload: Buffer, flags = 0): Buffer {
  const header = Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, streamId]);
  return Buffer.concat([header, payload]);
}

const RESET = frame(RST_STREAM, 1, Buffer.from([0, 0, 0, 8]));

/** RFC 7541: POST and http from the static table; the rest as literals with names from it (4 is :path, 1 :authority, 31 content-type). */
const CALL_HEADERS = Buffer.concat([
  Buffer.from([0x83, 0x86, 0x04, 6]),
  Buffer.from("/a.B/C"),
  Buffer.from([0x01, 1]),
  Buffer.from("x"),
  Buffer.from([0x0f, 16, 16]),
  Buffer.from("application/grpc"),
]);

describe("A cancelled call over a real socket", () => {
  const rig = new WireRig();
  afterEach(() => rig.close());

  it("ends at the peer too when it is cancelled in the tick in which it began", async () => {
    let cancelled: Promise<void> = Promise.resolve();
    const whenTaken = new Promise<Taken>((taken) => {
      void rig
        .open((server) =>
          server.handle(
            "/a.B/C",
            taking((each) => taken(each)),
          ),
        )
        .then(async ({ connection }) => {
          const seen = start(connection);
          seen.call.cancel();
          cancelled = seen.ended.then(({ status }) => expect(status).toBe(Status.CANCELLED));
        });
    });
    const { cancelled: cancelledAtPeer } = await whenTaken;
    await Promise.all([cancelled, cancelledAtPeer]);
  });

  it.each([
    ["resets it", [RESET]],
    ["ends the requests and resets it at once, as Node's does", [frame(DATA, 1, Buffer.alloc(0), 0x01), RESET]],
  ])("is not taken for one whose requests are complete, when the caller's stack %s", async (_how, frames) => {
    const told: string[] = [];
    const server = rig.server();
    const whenTaken = new Promise<Taken>((taken) => {
      server.handle(
        "/a.B/C",
        taking((each) => {
          void each.halfClosed.then(() => told.push("half-closed"));
          taken(each);
        }),
      );
    });
    const address = new URL(`http://${await server.listen("127.0.0.1:0", "TEST_ADDR")}`);
    const socket = connect(Number(address.port), address.hostname);
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, Buffer.alloc(0)), frame(HEADERS, 1, CALL_HEADERS, 0x04)]));
    socket.write(frame(DATA, 1, Buffer.from([0, 0, 0, 0, 1, 65])));
    const { cancelled } = await whenTaken;
    socket.write(Buffer.concat(frames));
    await cancelled;
    expect(told).toEqual([]);
    socket.destroy();
  });
});
