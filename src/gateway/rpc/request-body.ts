import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";

import type { FastifyInstance, FastifyRequest } from "fastify";

import { FabricError } from "../../core/errors";
import type { MethodJson } from "../../wire/json-codec";
import { HttpRefusal } from "./http-refusal";

/** What a request sends: one message, or lines of messages that come one by one. */
export type RequestBody =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "proto"; readonly bytes: Uint8Array }
  | { readonly kind: "lines"; readonly stream: Readable };

const JSON_TYPE = "application/json";
const PROTO_TYPE = "application/proto";
const LINES_TYPES = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/** Bodies of calls are taken as they are: what they mean is for the contract of their method to say. */
export function readCallBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  for (const type of [JSON_TYPE, PROTO_TYPE]) {
    app.addContentTypeParser(type, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  }
  app.addContentTypeParser(LINES_TYPES, (_request, body, done) => done(null, body));
}

/**
 * The body of a request for a call. Without a body and a type: an empty message.
 * @throws HttpRefusal 415 when its type or encoding is another one; FabricError INVALID_ARGUMENT when it is no text
 */
export function requestBodyOf(request: FastifyRequest): RequestBody {
  const { headers } = request;
  const body = request.body as Buffer | Readable | undefined | null;
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw compressed(encoding, isConnect(request));
  const type = headers["content-type"];
  if (type === undefined && isEmpty(request)) return { kind: "json", text: "{}" };
  const mediaType = (type ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (body === undefined || body === null) throw otherType(type);
  if (LINES_TYPES.includes(mediaType)) return { kind: "lines", stream: body as Readable };
  const bytes = body as Buffer;
  if (mediaType === PROTO_TYPE) return { kind: "proto", bytes };
  return { kind: "json", text: textOf(bytes) };
}

/** Whether the request is of a client of Connect's unary protocol, whose metadata are plain headers. */
export function isConnect({ headers, query }: FastifyRequest): boolean {
  return (
    headers["connect-protocol-version"] !== undefined ||
    headers["content-type"] === PROTO_TYPE ||
    (query as { readonly connect?: unknown } | undefined)?.connect === "v1"
  );
}

/**
 * A message in a query: `message`, by `encoding` json (default) or proto, with `base64=1` in URL-safe base64, as Connect sends what has no side
 * effects. Without one: an empty message.
 * @throws HttpRefusal, FabricError INVALID_ARGUMENT
 */
export function requestQueryOf(request: FastifyRequest): RequestBody {
  const { message, encoding, base64, compression } = request.query as Readonly<
    Record<string, string | string[] | undefined>
  >;
  if (compression !== undefined && compression !== "identity") throw compressed(String(compression), true);
  const text = one("message", message) ?? (encoding === "proto" ? "" : "{}");
  const isBase64 = one("base64", base64) === "1";
  switch (one("encoding", encoding) ?? "json") {
    case "json":
      return { kind: "json", text: isBase64 ? textOf(base64Bytes(text)) : text };
    case "proto":
      return { kind: "proto", bytes: isBase64 ? base64Bytes(text) : Buffer.from(text) };
    default:
      throw new HttpRefusal(415, {
        code: "invalid_argument",
        message: `encoding is ${shown(String(encoding))}: use json or proto`,
      });
  }
}

/** @throws FabricError INVALID_ARGUMENT when JSON is no message of the method */
export function encodeSingle(body: Exclude<RequestBody, { kind: "lines" }>, method: MethodJson): Uint8Array {
  return body.kind === "proto" ? body.bytes : method.request.encodeText(body.text);
}

function isEmpty({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] === undefined && (headers["content-length"] ?? "0") === "0";
}

function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  throw new FabricError("INVALID_ARGUMENT", "the body is not UTF-8, which JSON has to be");
}

function base64Bytes(text: string): Buffer {
  if (/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return Buffer.from(text, "base64");
  throw new FabricError("INVALID_ARGUMENT", "message is not base64, though base64=1 says so");
}

function one(name: string, value: string | string[] | undefined): string | undefined {
  if (!Array.isArray(value)) return value;
  throw new FabricError("INVALID_ARGUMENT", `${name} comes ${value.length} times in the query: give it once`);
}

function otherType(type: string | undefined): HttpRefusal {
  const given = type === undefined ? "there is no content-type" : `content-type is ${shown(type)}`;
  const message = `${given}: send application/json, application/x-ndjson for several messages, or application/proto`;
  return new HttpRefusal(
    415,
    { code: "invalid_argument", message },
    { "accept-post": [JSON_TYPE, LINES_TYPES[0], PROTO_TYPE].join(", ") },
  );
}

/** Connect wants its own code for that; HTTP a status that says what is taken. */
function compressed(encoding: string, forConnect: boolean): HttpRefusal {
  const message = `the compression ${shown(encoding)} is not supported: send the request without, or as "identity"`;
  return new HttpRefusal(forConnect ? 501 : 415, { code: "unimplemented", message }, { "accept-encoding": "identity" });
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
