import type { CallMetadata, MetadataValue } from "../../core/call-metadata";
import { DETAILS_KEY, unpaddedBase64 } from "./error-body";

/** How the headers of an answer name metadata. */
export interface MetadataNaming {
  /** Of initial metadata. */
  header(key: string): string | undefined;
  /** Of trailers. */
  trailer(key: string): string | undefined;
}

/** Of HTTP and of the answer itself: a worker that sent such metadata would change what its caller reads. */
const OF_HTTP =
  /^(?:connection|content-.*|date|keep-alive|server|set-cookie|strict-transport-security|trailer|transfer-encoding|upgrade|grpc-.*|access-control-.*|cache-control|location|www-authenticate)$/;

/** Heddle's own as they are, so that `heddle-worker` is found by that name; others marked as what they are. */
export const PLAIN_NAMING: MetadataNaming = {
  header: (key) => (key.startsWith("heddle-") ? key : `grpc-metadata-${key}`),
  trailer: (key) => (key === DETAILS_KEY ? undefined : key.startsWith("heddle-") ? key : `grpc-trailer-${key}`),
};

/** As Connect's unary protocol has it ("Unary-Response"). */
export const CONNECT_NAMING: MetadataNaming = {
  header: (key) => (OF_HTTP.test(key) ? undefined : key),
  trailer: (key) => (key === DETAILS_KEY ? undefined : `trailer-${key}`),
};

export type AnswerHeaders = Record<string, string | string[]>;

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Adds metadata to headers. What HTTP/1 cannot carry is left out, and what a JavaScript object cannot: `constructor`, `__proto__`. */
export function addMetadata(
  headers: AnswerHeaders,
  metadata: CallMetadata,
  name: (key: string) => string | undefined,
): void {
  for (const [key, value] of metadata.entries()) {
    const header = name(key);
    const text = textOf(value);
    if (header === undefined || !NAME.test(header) || header in Object.prototype || !VALUE.test(text)) continue;
    const before = headers[header];
    headers[header] = before === undefined ? text : [...(typeof before === "string" ? [before] : before), text];
  }
}

/** Metadata as JSON, for the end of a stream: each key with all its values. */
export function metadataJson(metadata: CallMetadata): Record<string, string[]> {
  const json = new Map<string, string[]>();
  for (const [key, value] of metadata.entries()) {
    if (key === DETAILS_KEY) continue;
    const values = json.get(key);
    if (values === undefined) json.set(key, [textOf(value)]);
    else values.push(textOf(value));
  }
  return Object.fromEntries(json);
}

function textOf(value: MetadataValue): string {
  return typeof value === "string" ? value : unpaddedBase64(value);
}
