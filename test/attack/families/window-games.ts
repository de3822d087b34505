import { FrameType, WINDOW_MAX } from "../../../src/http2/frame-types";
import { SettingId } from "../../../src/http2/settings";
import { callShape } from "../../bench/relay/echo-contract";
import { frame, setting, uint32 } from "../../support/http2-raw-peer";
import type { Attack } from "../attack";
import { clientAttack } from "../client-attack";
import { callBlock } from "../header-fields";
import { CALL, data, END_STREAM, headers, manyData, message, wholeCall } from "./calls";

/** 64 answers of 16 KiB: 1 MiB. */
const MUCH = callShape(16_384, 64);
const MUCH_CALL = callBlock(MUCH.path);
const ZERO_WINDOW = setting(SettingId.INITIAL_WINDOW_SIZE, 0);
const STREAMS = 1_000;
/** What a well-behaved server gives back, and these attackers read: so that their own uploads go on. */
const FILL = message(Buffer.alloc(200_000));

const update = (id: number, bytes: number) => frame(FrameType.WINDOW_UPDATE, 0, id, uint32(bytes));

/** What a peer can make others keep for it. */
export const WINDOW_GAMES: readonly Attack[] = [
  clientAttack({
    // 1,000 readers that ask for a MiB each and take nothing of it.
    name: "zero-window-readers",
    settings: ZERO_WINDOW,
    perSecond: 2_000,
    piece: (n, connection) => {
      if (n >= STREAMS) return undefined;
      const id = connection.takeId();
      return Buffer.concat([headers(id, MUCH_CALL), manyData(id, MUCH.message, true)]);
    },
  }),
  clientAttack({
    // The windows are wide open, and nobody reads the socket.
    name: "deaf-reader",
    settings: setting(SettingId.INITIAL_WINDOW_SIZE, WINDOW_MAX),
    deaf: true,
    perSecond: 500,
    piece: (n, connection) => {
      if (n >= 250) return undefined;
      const id = connection.takeId();
      return Buffer.concat([headers(id, MUCH_CALL), manyData(id, MUCH.message, true)]);
    },
  }),
  clientAttack({
    // Answers are drawn out of the target byte by byte.
    name: "window-byte-by-byte",
    settings: ZERO_WINDOW,
    opening: (connection) => {
      const calls = Array.from({ length: 100 }, () => wholeCall(connection.takeId()));
      return Buffer.concat(calls);
    },
    piece: (n) => update(1 + 2 * (n % 100), 1),
  }),
  clientAttack({ name: "window-overflow", piece: () => update(0, WINDOW_MAX), perSecond: 1_000 }),
  clientAttack({
    // 1,000 uploads that never end, each as long as would be kept for another attempt.
    name: "endless-uploads",
    perSecond: 1_000,
    piece: (n, connection) => {
      if (n >= STREAMS) return undefined;
      const id = connection.takeId();
      return Buffer.concat([headers(id), manyData(id, FILL, false)]);
    },
  }),
  clientAttack({
    // The same in frames of one byte: what each frame costs is to be bounded, not only its bytes.
    name: "endless-uploads-in-bytes",
    opening: (connection) => Buffer.concat(Array.from({ length: 100 }, () => headers(connection.takeId()))),
    piece: (n) => Buffer.concat(Array.from({ length: 10 }, (_, k) => data(1 + 2 * ((n * 10 + k) % 100), Buffer.of(0)))),
  }),
  clientAttack({
    // Each stream holds on to one byte out of a read of 64 KiB, the rest of which is soon done with.
    name: "pinned-reads",
    perSecond: 1_000,
    opening: (connection) => headers(connection.takeId()),
    piece: (n, connection) => {
      if (n >= STREAMS - 1) return undefined;
      const id = connection.takeId();
      const pinned = Buffer.concat([headers(id), data(id, Buffer.of(0))]);
      return Buffer.concat([pinned, manyData(1, Buffer.alloc(64_000), false)]);
    },
  }),
  clientAttack({
    // Uploads for a worker that never comes to read them: the path names a member that is not there.
    name: "uploads-for-nobody",
    perSecond: 400,
    piece: (_n, connection) => {
      const id = connection.takeId();
      return Buffer.concat([headers(id, callBlock("/nobody.Service/Method")), manyData(id, FILL, false)]);
    },
  }),
  clientAttack({
    // More DATA than the windows allow.
    name: "ignored-windows",
    perSecond: 2_000,
    opening: (connection) => headers(connection.takeId(), CALL),
    piece: () => data(1, Buffer.alloc(16_384)),
  }),
  clientAttack({
    name: "half-a-call",
    piece: (n, connection) =>
      n >= STREAMS ? undefined : headers(connection.takeId(), CALL, n % 2 === 0 ? END_STREAM : 0),
  }),
];
