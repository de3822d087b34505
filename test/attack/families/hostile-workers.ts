import { ErrorCode } from "../../../src/http2/error-codes";
import { FrameType, WINDOW_MAX } from "../../../src/http2/frame-types";
import { SettingId } from "../../../src/http2/settings";
import { frame, setting, uint32 } from "../../support/http2-raw-peer";
import type { Attack } from "../attack";
import { field, indexedField } from "../header-fields";
import { hostileWorker } from "../hostile-worker";
import { data, END_HEADERS, END_STREAM, message } from "./calls";

const STATUS_200 = Buffer.of(0x88);
const HEAD = Buffer.concat([STATUS_200, field("content-type", "application/grpc")]);
const TRAILERS = field("grpc-status", "0");
const CONTINUE = field(":status", "103");

const block = (id: number, bytes: Buffer, flags = 0) => frame(FrameType.HEADERS, END_HEADERS | flags, id, bytes);
const head = (id: number) => block(id, HEAD);
const goaway = (lastId: number, code: number) =>
  frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastId), uint32(code)]));
const ok = (id: number) =>
  Buffer.concat([head(id), data(id, message(Buffer.alloc(10))), block(id, TRAILERS, END_STREAM)]);

let unique = 0;

/** Workers that attach like any other and keep no rule on the connection that the target makes to them. */
export const HOSTILE_WORKERS: readonly Attack[] = [
  hostileWorker({ name: "worker-goaway-at-once", opening: () => goaway(0, ErrorCode.NO_ERROR) }),
  hostileWorker({ name: "worker-goaway-at-calls", answer: (id) => goaway(id, ErrorCode.NO_ERROR) }),
  hostileWorker({ name: "worker-goaway-flood", piece: () => goaway(WINDOW_MAX, ErrorCode.NO_ERROR) }),
  hostileWorker({
    // ALTSVC (0xa) and ORIGIN (0xc), of RFC 7838 and RFC 8336.
    name: "worker-origin-altsvc",
    piece: (n) =>
      frame(n % 2 === 0 ? 0xa : 0xc, 0, 0, Buffer.concat([Buffer.of(0, 14), Buffer.from("https://a.test")])),
  }),
  hostileWorker({ name: "worker-settings", piece: () => frame(FrameType.SETTINGS, 0, 0) }),
  hostileWorker({
    name: "worker-settings-churn",
    answer: ok,
    perSecond: 1_000,
    piece: (n) => frame(FrameType.SETTINGS, 0, 0, setting(SettingId.MAX_CONCURRENT_STREAMS, n % 2)),
  }),
  hostileWorker({ name: "worker-ping", piece: () => frame(FrameType.PING, 0, 0, Buffer.alloc(8)) }),
  hostileWorker({
    name: "worker-window-overflow",
    answer: (id) => frame(FrameType.WINDOW_UPDATE, 0, id, uint32(WINDOW_MAX)),
  }),
  hostileWorker({
    name: "worker-window-overflow-connection",
    piece: () => frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(WINDOW_MAX)),
  }),
  hostileWorker({ name: "worker-window-updates", piece: () => frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(1)) }),
  hostileWorker({
    // Four times the window, on every stream.
    name: "worker-ignores-windows",
    answer: (id) => Buffer.concat([head(id), ...Array.from({ length: 16 }, () => data(id, Buffer.alloc(16_384)))]),
  }),
  hostileWorker({
    name: "worker-trailers-without-end",
    answer: (id) => Buffer.concat([head(id), block(id, TRAILERS)]),
  }),
  hostileWorker({
    name: "worker-no-trailers",
    answer: (id) => Buffer.concat([head(id), data(id, message(Buffer.alloc(10)), END_STREAM)]),
  }),
  hostileWorker({
    name: "worker-heads-without-end",
    answer: (id) => Buffer.concat(Array.from({ length: 2_000 }, () => block(id, CONTINUE))),
  }),
  hostileWorker({
    name: "worker-continuation",
    answer: (id) =>
      Buffer.concat([
        frame(FrameType.HEADERS, 0, id, HEAD),
        ...Array.from({ length: 2_000 }, () => frame(FrameType.CONTINUATION, 0, id, [0x88])),
      ]),
  }),
  hostileWorker({
    name: "worker-huge-trailers",
    answer: (id) => Buffer.concat([head(id), block(id, field("x-fill", "v".repeat(16_000)), END_STREAM)]),
  }),
  hostileWorker({
    name: "worker-hpack-bomb",
    answer: (id, _connection, calls) =>
      calls === 1
        ? block(id, Buffer.concat([HEAD, indexedField("x-bomb", "v".repeat(4_000))]))
        : block(id, Buffer.concat([HEAD, Buffer.alloc(16_000, 0xbe)])),
  }),
  hostileWorker({
    name: "worker-new-metadata",
    answer: (id) =>
      Buffer.concat([
        block(id, Buffer.concat([HEAD, field("x-id", String(unique++))])),
        block(id, TRAILERS, END_STREAM),
      ]),
  }),
  hostileWorker({
    name: "worker-resets",
    answer: (id) => frame(FrameType.RST_STREAM, 0, id, uint32(ErrorCode.INTERNAL_ERROR)),
  }),
  hostileWorker({
    name: "worker-refuses",
    answer: (id) => frame(FrameType.RST_STREAM, 0, id, uint32(ErrorCode.REFUSED_STREAM)),
  }),
  hostileWorker({
    name: "worker-resets-unknown",
    piece: (n) => frame(FrameType.RST_STREAM, 0, 1 + 2 * n, uint32(ErrorCode.CANCEL)),
    perSecond: 1_000,
  }),
  hostileWorker({
    name: "worker-data-for-nobody",
    piece: (n) => data(1 + 2 * (n % 50), Buffer.alloc(16_000)),
    perSecond: 1_000,
  }),
  hostileWorker({ name: "worker-empty-data", answer: head, piece: () => data(1, Buffer.alloc(0)) }),
  hostileWorker({
    name: "worker-push-promise",
    answer: (id) => frame(FrameType.PUSH_PROMISE, END_HEADERS, id, [0, 0, 0, 2, 0x88]),
  }),
  hostileWorker({ name: "worker-silent", answer: () => undefined }),
  hostileWorker({ name: "worker-deaf", deaf: true }),
  hostileWorker({ name: "worker-no-streams", settings: setting(SettingId.MAX_CONCURRENT_STREAMS, 0) }),
  hostileWorker({ name: "worker-no-window", settings: setting(SettingId.INITIAL_WINDOW_SIZE, 0) }),
  hostileWorker({
    name: "worker-message-4g",
    answer: (id) => Buffer.concat([head(id), data(id, message(Buffer.alloc(10), 0xffff_ffff))]),
  }),
  hostileWorker({
    name: "worker-answers-http",
    answer: (id) =>
      Buffer.concat([
        block(id, Buffer.concat([STATUS_200, field("content-type", "text/html")])),
        data(id, Buffer.alloc(10_000), END_STREAM),
      ]),
  }),
  hostileWorker({
    name: "worker-bad-status",
    answer: (id) =>
      block(
        id,
        Buffer.concat([HEAD, field("grpc-status", "-7"), field("grpc-message", "%FF%".repeat(1_000))]),
        END_STREAM,
      ),
  }),
  hostileWorker({ name: "worker-garbage", accept: (socket) => socket.write(Buffer.alloc(100_000, 0xa5)) }),
  hostileWorker({ name: "worker-http1", accept: (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n") }),
  hostileWorker({ name: "worker-closes", accept: (socket) => socket.destroy() }),
  hostileWorker({ name: "worker-never-greets", accept: (socket) => socket.resume() }),
];
