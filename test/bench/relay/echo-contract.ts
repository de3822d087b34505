import { join } from "node:path";

/** Of the sources: the build holds no .proto files. */
export const PROTO_FILE = join(__dirname, "../../../../test/bench/relay/echo.proto");

export const ECHO_SERVICE = "bench.EchoService";
export const WORKER_ID = "bench-worker";

/** "chat": the next message goes when the one before it was answered. */
export type CallKind = "unary" | "stream" | "chat";

const PATHS: Readonly<Record<CallKind, string>> = {
  unary: `/${ECHO_SERVICE}/Echo`,
  stream: `/${ECHO_SERVICE}/EchoMany`,
  chat: `/${ECHO_SERVICE}/Chat`,
};

/** One shape of call. */
export interface CallShape {
  readonly kind: CallKind;
  readonly path: string;
  /** One EchoMessage with its gRPC prefix: the request, and each answer. */
  readonly message: Buffer;
  readonly answers: number;
}

/** Length of the gRPC prefix: whether it is compressed, and the length of the message. */
export const PREFIX_BYTES = 5;
/** Tag of `answers`: the message begins with it, so that the worker needs to read only two bytes. */
export const ANSWERS_TAG = 0x10;
const PAYLOAD_TAG = 0x0a;

/** @param bytes length of the message without its prefix; at least 8 */
export function callShape(bytes: number, answers = 1, kind: CallKind = answers === 1 ? "unary" : "stream"): CallShape {
  const fieldBytes = bytes - 3;
  const lengthBytes = fieldBytes - 1 < 128 ? 1 : fieldBytes - 2 < 16_384 ? 2 : 3;
  const payloadBytes = fieldBytes - lengthBytes;
  const message = Buffer.alloc(PREFIX_BYTES + bytes, "x");
  message.writeUInt8(0, 0);
  message.writeUInt32BE(bytes, 1);
  message.set([ANSWERS_TAG, answers, PAYLOAD_TAG], PREFIX_BYTES);
  for (let index = 0; index < lengthBytes; index += 1) {
    const more = index === lengthBytes - 1 ? 0 : 0x80;
    message[PREFIX_BYTES + 3 + index] = ((payloadBytes >> (7 * index)) & 0x7f) | more;
  }
  return { kind, path: PATHS[kind], message, answers };
}

/** Bytes of DATA that a call's answer has. */
export function answerBytes({ message, answers }: CallShape): number {
  return message.length * answers;
}
