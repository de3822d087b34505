import type { Readable } from "node:stream";

import type { FastifyReply, FastifyRequest } from "fastify";

import type { CallStart, Connection } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";
import type { Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import type { Logger } from "../../core/logger";
import type { MethodJson } from "../../wire/json-codec";
import { CONNECT_NAMING, PLAIN_NAMING } from "./answer-metadata";
import { deadlineOf } from "./call-deadline";
import type { CallShape } from "./call-shape";
import type { DirectorConnections } from "./director-connections";
import { sendRefusal } from "./http-refusal";
import { isConnect } from "./request-body";
import { RequestLines } from "./request-lines";
import { DIRECTOR_HEADER, requestMetadata } from "./request-metadata";
import { NDJSON, RESUMABLE_EVENTS, SERVER_SENT_EVENTS, type StreamForm } from "./stream-form";
import { StreamAnswer } from "./stream-answer";
import { UnaryAnswer } from "./unary-answer";

export interface CallParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly bodyMaxBytes: number;
  readonly directors: DirectorConnections;
  isResumable(path: string): boolean;
}

/** What is sent: messages that are ready, or lines that become some. */
export type Requests =
  | { readonly kind: "single"; readonly bytes: Uint8Array }
  | { readonly kind: "lines"; readonly stream: Readable; encode(line: string): Uint8Array };

export interface CallToMake {
  readonly method: MethodJson;
  readonly requests: Requests;
  readonly shape: CallShape;
}

/**
 * Makes a call for a request, and answers that with what comes of it.
 * @throws FabricError INVALID_ARGUMENT when its headers ask for what cannot be; nothing was called then
 */
export function startCall(parts: CallParts, toMake: CallToMake, request: FastifyRequest, reply: FastifyReply): void {
  const { headers } = request;
  const { path } = toMake.method;
  const given = requestMetadata(headers, isConnect(request));
  const form = streamFormOf(parts, toMake.method, headers.accept);
  const metadata = form === RESUMABLE_EVENTS ? resumed(given, headers["last-event-id"]) : given;
  const start = { path, metadata, timeoutMs: deadlineOf(headers) };
  const director = headers[DIRECTOR_HEADER];
  const connection = parts.directors.to(director === undefined ? "" : String(director));
  if (!(connection instanceof Promise)) {
    run(parts, toMake, connection, start, form, reply);
    return;
  }
  connection.then(
    (found) => run(parts, toMake, found, start, form, reply),
    (error: unknown) => sendRefusal(reply, error, parts.logger),
  );
}

function run(
  { clock, logger, bodyMaxBytes }: CallParts,
  { method, requests, shape }: CallToMake,
  connection: Connection,
  start: CallStart,
  form: StreamForm | undefined,
  reply: FastifyReply,
): void {
  const answer =
    form === undefined
      ? new UnaryAnswer(reply, { shape, logger })
      : new StreamAnswer(reply, { clock, logger, shape, form });
  const call = connection.start(start, answer);
  answer.watch(call, form === RESUMABLE_EVENTS ? Number(start.metadata.text(HEDDLE_KEYS.resumeAfter) ?? 0) : 0);
  if (requests.kind === "single") {
    call.send(requests.bytes);
    call.halfClose();
    return;
  }
  const { methodKind } = method.method;
  const lines = new RequestLines(requests.stream, call, {
    lineMaxBytes: bodyMaxBytes,
    linesMax: methodKind === "unary" || methodKind === "server_streaming" ? 1 : Infinity,
    encode: (line) => requests.encode(line),
    failed: (error) => answer.fail(error),
  });
  answer.drained = () => lines.resume();
}

/** Undefined: one answer. */
function streamFormOf(parts: CallParts, method: MethodJson, accept: string | undefined): StreamForm | undefined {
  if (!isStreamed(method)) return undefined;
  if (accept?.includes("text/event-stream") !== true) return NDJSON;
  return parts.isResumable(method.path) ? RESUMABLE_EVENTS : SERVER_SENT_EVENTS;
}

/** Browsers that reconnect go on after what they had, unless the request says where itself. */
function resumed(metadata: CallMetadata, lastEventId: string | string[] | undefined): CallMetadata {
  if (lastEventId === undefined || lastEventId === "" || metadata.text(HEDDLE_KEYS.resumeAfter) !== undefined)
    return metadata;
  if (!/^[0-9]{1,15}$/.test(String(lastEventId))) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `last-event-id is ${JSON.stringify(String(lastEventId).slice(0, 40))}: give the id of a message`,
    );
  }
  const own = metadata.clone();
  own.set(HEDDLE_KEYS.resumeAfter, String(lastEventId));
  return own;
}

/** How the answers of a method look. A stream is of JSON, whatever its requests are. */
export function plainShape(
  method: MethodJson,
  { isProto, isConnect: forConnect }: { readonly isProto: boolean; readonly isConnect: boolean },
): CallShape {
  const { registry, answer } = method;
  const naming = forConnect ? CONNECT_NAMING : PLAIN_NAMING;
  const asJson = (bytes: Uint8Array) => answer.decodeText(bytes);
  if (!isProto || isStreamed(method)) return { registry, naming, answerType: "application/json", answer: asJson };
  // Copied: bytes may be lent by what received them.
  return { registry, naming, answerType: "application/proto", answer: (bytes) => Buffer.from(bytes) };
}

function isStreamed({ method }: MethodJson): boolean {
  return method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
}
