import { type MetadataValue, CallMetadata } from "../../core/call-metadata";
import { HeaderList } from "../../http2/header-list";

/**
 * Header lists as call metadata and back (gRPC PROTOCOL-HTTP2). Unlike the metadata that users see, a relay's holds all that
 * its peers must be told unchanged: `content-type`, `grpc-encoding`, `user-agent`, and the text of "-bin" values as it came.
 *
 * Lists come back as the same objects (HeaderBlockMemo), so what was made of one is kept with it; and equal metadata becomes
 * the same list again, which the encoder then knows already.
 */

/** Of each hop, not of the call: made anew by whoever sends. */
const HOP_KEYS: ReadonlySet<string> = new Set(["te", "grpc-timeout", "content-length", "host", "expect"]);

const CONTENT_TYPE = "content-type";
export const GRPC_CONTENT_TYPE = "application/grpc";

/** PROTOCOL-HTTP2, "Header-Name". HTTP/2 allows more. */
const KEY = /^[0-9a-z_.-]+$/;
/** RFC 9110 §5.5: printable ASCII, and octets above it as they may have come from a peer; no blanks at the ends. */
const VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

/**
 * The list without blanks at the ends of its values, which the engine lets pass (`blankEndsAllowed`): grpc-go sends a message like
 * "failed: " as it is, and what is valid between two of its programs must not end at a relay between them.
 */
export function withoutBlankEnds(list: HeaderList): HeaderList {
  if (!list.hasBlankEnds) return list;
  const sensitive = list.neverIndexed.map((at) => list.fields[at]!);
  return HeaderList.of(
    list.fields.map((text) => text.replace(/^[ \t]+|[ \t]+$/g, "")),
    sensitive,
  );
}

/** All fields that belong to the call. */
export function metadataOf(list: HeaderList, except: ReadonlySet<string> = HOP_KEYS): CallMetadata {
  const metadata = new CallMetadata();
  const { fields, neverIndexed } = list;
  for (const at of neverIndexed) metadata.markSensitive(fields[at]!);
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    if (name.charCodeAt(0) !== COLON && !except.has(name)) metadata.append(name, fields[at + 1]!);
  }
  return metadata;
}

/** Adds the entries that gRPC can carry. Others are left out: control characters, say, for which servers reset the call. */
export function appendFields(fields: string[], metadata: CallMetadata, except: ReadonlySet<string> = HOP_KEYS): void {
  for (const [key, value] of metadata.entries()) {
    if (except.has(key) || !KEY.test(key)) continue;
    const text = textOf(value);
    if (VALUE.test(text)) fields.push(key, text);
  }
}

/** Bytes as unpadded base64, as gRPC wants them sent. */
function textOf(value: MetadataValue): string {
  return typeof value === "string" ? value : Buffer.from(value).toString("base64").replace(/=+$/, "");
}

/** What the caller's own entries do not say. */
export function contentTypeOf(metadata: CallMetadata): string {
  return metadata.text(CONTENT_TYPE) ?? GRPC_CONTENT_TYPE;
}

/** "application/grpc", a "+" format and parameters included (PROTOCOL-HTTP2, "Content-Type"); gRPC-Web is another protocol. */
export function isGrpc(contentType: string | undefined): boolean {
  if (contentType === GRPC_CONTENT_TYPE) return true;
  return contentType !== undefined && /^application\/grpc[+;]/.test(contentType);
}

const NOTHING: readonly string[] = [];

/** Lists that are remembered; then all are forgotten, since the shapes that are in use come back at once. */
const LISTS_MAX = 512;
const KEY_LENGTH_MAX = 512;

/** The same object for the same fields, for as long as few different ones are asked for. */
export class HeaderLists {
  #lists = new Map<string, HeaderList>();

  /** The fields are not to be changed afterwards. Lists with sensitive ones are not remembered. */
  of(fields: readonly string[], sensitive: readonly string[] = NOTHING): HeaderList {
    if (sensitive.length > 0) return HeaderList.of(fields, sensitive);
    // No value of HTTP/2 has a line feed.
    const key = fields.join("\n");
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = HeaderList.of(fields);
    if (key.length > KEY_LENGTH_MAX) return list;
    if (this.#lists.size >= LISTS_MAX) this.#lists = new Map(); // not clear(): see OpenStreams
    this.#lists.set(key, list);
    return list;
  }
}

const COLON = 0x3a;
