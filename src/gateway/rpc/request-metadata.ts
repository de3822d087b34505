import type { IncomingHttpHeaders } from "node:http";

import { CallMetadata } from "../../core/call-metadata";
import { FabricError } from "../../core/errors";
import { TRANSPORT_KEYS } from "../../rpc/framing/user-metadata";

/** Names another director for the call (director-connections.ts); no metadata. */
export const DIRECTOR_HEADER = "heddle-director";
const METADATA_PREFIX = "grpc-metadata-";
const HEDDLE_PREFIX = "heddle-";
/** Headers of HTTP that handlers want as they are. */
const PASSED_ON: ReadonlySet<string> = new Set(["authorization", "traceparent", "tracestate", "baggage"]);
/** Headers of HTTP that are no metadata of a Connect client: of the connection, of the body, of the protocol, of browsers. */
const OF_HTTP: ReadonlySet<string> = new Set([
  ...TRANSPORT_KEYS,
  DIRECTOR_HEADER,
  "accept",
  "cache-control",
  "connection",
  "cookie",
  "dnt",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "last-event-id",
  "origin",
  "pragma",
  "proxy-authorization",
  "referer",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "upgrade-insecure-requests",
  "via",
]);
const OF_HTTP_PREFIX = /^(?:accept-|access-control-|connect-|content-|grpc-|if-|sec-|x-forwarded-)/;

/** Calls without metadata share it, and with it what is made of it: nobody changes it. */
const NONE = new CallMetadata();

/**
 * Metadata of a call from the headers of its request: `heddle-…`, `authorization`, `traceparent`, `tracestate` and `baggage` as they are,
 * `grpc-metadata-x` as `x`. For a client of Connect's protocol, whose metadata are plain headers, every other one that is not HTTP's own too.
 * Values of keys that end in "-bin" are base64, several with commas between.
 * @throws FabricError INVALID_ARGUMENT naming a header that gRPC cannot carry
 */
export function requestMetadata(headers: IncomingHttpHeaders, isConnect: boolean): CallMetadata {
  let metadata: CallMetadata | undefined;
  for (const header in headers) {
    const key = keyOf(header, isConnect);
    const value = headers[header];
    if (key === undefined || value === undefined) continue;
    metadata ??= new CallMetadata();
    for (const each of typeof value === "string" ? [value] : value) append(metadata, header, key, each);
  }
  return metadata ?? NONE;
}

function keyOf(header: string, isConnect: boolean): string | undefined {
  if (header.startsWith(METADATA_PREFIX)) {
    const key = header.slice(METADATA_PREFIX.length);
    return TRANSPORT_KEYS.has(key) || key.startsWith("grpc-") ? undefined : key;
  }
  if (header.startsWith(HEDDLE_PREFIX)) return header === DIRECTOR_HEADER ? undefined : header;
  if (PASSED_ON.has(header)) return header;
  return isConnect && !OF_HTTP.has(header) && !OF_HTTP_PREFIX.test(header) ? header : undefined;
}

const KEY = /^[0-9a-z_.-]{1,256}$/;
const TEXT = /^[\x20-\x7e]*$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function append(metadata: CallMetadata, header: string, key: string, value: string): void {
  if (!KEY.test(key)) throw malformed(header, "its name has characters other than 0-9 a-z _ . -");
  if (!key.endsWith("-bin")) {
    if (!TEXT.test(value))
      throw malformed(header, 'its value is not printable ASCII: send bytes as base64 in a header that ends in "-bin"');
    metadata.append(key, value);
    return;
  }
  for (const part of value.split(",")) {
    const encoded = part.trim();
    if (!BASE64.test(encoded)) throw malformed(header, 'it ends in "-bin", and its value is not base64');
    metadata.append(key, Buffer.from(encoded, "base64"));
  }
}

function malformed(header: string, why: string): FabricError {
  return new FabricError(
    "INVALID_ARGUMENT",
    `the header ${JSON.stringify(header.slice(0, 120))} is no metadata: ${why}`,
  );
}
