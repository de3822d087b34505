import { FrameType } from "../../../src/http2/frame-types";
import { SettingId } from "../../../src/http2/settings";
import { frame, setting, uint32 } from "../../support/http2-raw-peer";
import type { Attack } from "../attack";
import { clientAttack } from "../client-attack";
import { ACK, data, END_HEADERS, headers, PADDED, PATH } from "./calls";
import { callBlock } from "../header-fields";

const PING = frame(FrameType.PING, 0, 0, Buffer.alloc(8));

/** Frames that cost their sender next to nothing. */
export const FRAME_FLOODS: readonly Attack[] = [
  clientAttack({ name: "settings", piece: () => frame(FrameType.SETTINGS, 0, 0) }),
  // Each acknowledgement of one that was never sent.
  clientAttack({ name: "settings-ack", piece: () => frame(FrameType.SETTINGS, ACK, 0) }),
  clientAttack({
    // Every open stream's window is to be changed, each time.
    name: "settings-resize",
    opening: (connection) => Buffer.concat(Array.from({ length: 200 }, () => headers(connection.takeId()))),
    piece: (n) =>
      frame(FrameType.SETTINGS, 0, 0, setting(SettingId.INITIAL_WINDOW_SIZE, n % 2 === 0 ? 0 : 0x7fff_0000)),
  }),
  clientAttack({ name: "ping", piece: () => PING }),
  clientAttack({ name: "ping-ack", piece: () => frame(FrameType.PING, ACK, 0, Buffer.alloc(8)) }),
  clientAttack({ name: "ping-unread", deaf: true, piece: () => PING }),
  clientAttack({ name: "goaway", piece: () => frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)) }),
  clientAttack({
    name: "empty-data",
    opening: (connection) => headers(connection.takeId()),
    piece: () => data(1, Buffer.alloc(0)),
  }),
  clientAttack({
    // A byte of padding length and 255 of padding, nothing else.
    name: "padding-only",
    opening: (connection) => headers(connection.takeId()),
    piece: () => data(1, Buffer.concat([Buffer.of(255), Buffer.alloc(255)]), PADDED),
  }),
  clientAttack({ name: "priority", piece: () => frame(FrameType.PRIORITY, 0, 3, [0, 0, 0, 1, 0]) }),
  clientAttack({ name: "unknown-frames", piece: () => frame(0xaa, 0, 0, Buffer.alloc(16)) }),
  clientAttack({ name: "window-updates", piece: () => frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1)) }),
  clientAttack({
    name: "continuation",
    mute: true,
    opening: (connection) => frame(FrameType.HEADERS, 0, connection.takeId(), callBlock(PATH)),
    piece: () => frame(FrameType.CONTINUATION, 0, 1, [0x84]),
  }),
  clientAttack({
    name: "continuation-empty",
    mute: true,
    opening: (connection) => frame(FrameType.HEADERS, 0, connection.takeId(), callBlock(PATH)),
    piece: () => frame(FrameType.CONTINUATION, 0, 1),
  }),
  clientAttack({
    name: "continuation-full",
    mute: true,
    opening: (connection) => frame(FrameType.HEADERS, 0, connection.takeId(), callBlock(PATH)),
    piece: () => frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(16_384, 0x84)),
  }),
  clientAttack({
    name: "oversized-frames",
    piece: () => Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]),
    perSecond: 200,
  }),
  clientAttack({
    name: "push-promise",
    piece: () => frame(FrameType.PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, 0x83]),
    perSecond: 200,
  }),
];
