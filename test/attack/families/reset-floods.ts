import { ErrorCode } from "../../../src/http2/error-codes";
import { FrameType } from "../../../src/http2/frame-types";
import { frame, uint32 } from "../../support/http2-raw-peer";
import type { Attack } from "../attack";
import { clientAttack } from "../client-attack";
import type { HostileConnection } from "../hostile-connection";
import { data, END_HEADERS, END_STREAM, headers, SHAPE, wholeCall } from "./calls";

const reset = (id: number) => frame(FrameType.RST_STREAM, 0, id, uint32(ErrorCode.CANCEL));
const update = (id: number, bytes: number) => frame(FrameType.WINDOW_UPDATE, 0, id, uint32(bytes));

/** A new stream, and what is said of it. */
function onNewStream(make: (id: number) => Buffer): (n: number, connection: HostileConnection) => Buffer {
  return (_n, connection) => make(connection.takeId());
}

/** Streams begun and undone, and frames for streams that are not there. */
export const RESET_FLOODS: readonly Attack[] = [
  clientAttack({ name: "rapid-reset", piece: onNewStream((id) => Buffer.concat([headers(id), reset(id)])) }),
  clientAttack({
    // The calls have reached the worker before they are undone.
    name: "rapid-reset-whole-calls",
    piece: onNewStream((id) => Buffer.concat([wholeCall(id), reset(id)])),
  }),
  clientAttack({
    name: "made-you-reset-window-0",
    piece: onNewStream((id) => Buffer.concat([headers(id), update(id, 0)])),
  }),
  clientAttack({
    name: "made-you-reset-overflow",
    piece: onNewStream((id) => Buffer.concat([headers(id), update(id, 0x7fff_ffff)])),
  }),
  clientAttack({
    name: "made-you-reset-half-closed",
    piece: onNewStream((id) => Buffer.concat([wholeCall(id), data(id, SHAPE.message)])),
  }),
  clientAttack({
    name: "made-you-reset-malformed",
    piece: onNewStream((id) => frame(FrameType.HEADERS, END_HEADERS | END_STREAM, id, [0x83])),
  }),
  clientAttack({
    name: "made-you-reset-priority",
    piece: onNewStream((id) => Buffer.concat([headers(id), frame(FrameType.PRIORITY, 0, id, uint32(id))])),
  }),
  clientAttack({ name: "streams-over-the-limit", piece: onNewStream((id) => headers(id)) }),
  clientAttack({ name: "reset-idle", piece: onNewStream((id) => reset(id)), perSecond: 1_000 }),
  clientAttack({
    name: "reset-closed",
    opening: (connection) => wholeCall(connection.takeId()),
    piece: () => reset(1),
  }),
  clientAttack({
    name: "data-on-closed",
    opening: (connection) => Buffer.concat([headers(connection.takeId()), reset(1)]),
    piece: () => data(1, Buffer.alloc(100)),
  }),
  clientAttack({ name: "data-on-idle", piece: () => data(101, Buffer.alloc(100)), perSecond: 1_000 }),
  clientAttack({
    name: "headers-on-closed",
    opening: (connection) => wholeCall(connection.takeId()),
    piece: () => headers(1),
    perSecond: 1_000,
  }),
];
