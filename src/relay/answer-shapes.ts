import type { CallEnd } from "../core/call";
import { endOfAnswer } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import { Status } from "../core/status";
import type { HeaderList } from "../http2/header-list";
import { decodeMessage, encodeMessage } from "./grpc-message";
import { appendFields, HeaderLists, metadataOf, withoutBlankEnds } from "./header-shapes";

/** In trailers, beside `grpc-message`, which is kept among them as it came: so it goes on to the octet. */
const END_KEYS: ReadonlySet<string> = new Set(["grpc-status", "content-type", "content-length", "te"]);
const MESSAGE_KEY = "grpc-message";
const STATUS_KEY = "grpc-status";
/** Of the fields that `trailersOf` writes itself. */
const OWN_KEYS: ReadonlySet<string> = new Set([...END_KEYS, MESSAGE_KEY]);

/** What stands for the call's status where the answer has none ("HTTP to gRPC Status Code Mapping"). */
const STATUS_OF_HTTP: Readonly<Record<string, Status>> = {
  "400": Status.INTERNAL,
  "401": Status.UNAUTHENTICATED,
  "403": Status.PERMISSION_DENIED,
  "404": Status.UNIMPLEMENTED,
  "429": Status.UNAVAILABLE,
  "502": Status.UNAVAILABLE,
  "503": Status.UNAVAILABLE,
  "504": Status.UNAVAILABLE,
};

/** The end that trailers, or a trailers-only head, stand for. */
export function endOfTrailers(list: HeaderList): CallEnd {
  const known = list.derived;
  if (known !== undefined && !(known instanceof CallMetadata)) return known as CallEnd;
  const fields = withoutBlankEnds(list);
  const text = fields.get(STATUS_KEY);
  const end =
    text !== undefined && /^[0-9]{1,5}$/.test(text)
      ? endOfAnswer(Number(text) as Status, decodeMessage(fields.get(MESSAGE_KEY) ?? ""), metadataOf(fields, END_KEYS))
      : endOfAnswer(Status.UNKNOWN, `the worker's answer has no valid grpc-status`, new CallMetadata());
  // An error is the end of one call: who gets it may look at which one it is.
  if (end.status === Status.OK) list.derived = end;
  return end;
}

/** The end of an answer that is not one of gRPC's. */
export function endOfHttpStatus(httpStatus: string, contentType: string | undefined): CallEnd {
  const status = STATUS_OF_HTTP[httpStatus] ?? Status.UNKNOWN;
  const what = `the worker answered with HTTP status ${httpStatus} and content-type "${contentType ?? ""}"`;
  return endOfAnswer(status, what, new CallMetadata());
}

const lists = new HeaderLists();
const NO_FIELDS: readonly string[] = [];

/** The metadata of an answer's head. The same list may also have been a whole answer, trailers only. */
export function metadataOfHead(list: HeaderList): CallMetadata {
  const known = list.derived;
  if (known instanceof CallMetadata) return known;
  const metadata = metadataOf(withoutBlankEnds(list));
  list.derived = metadata;
  return metadata;
}

/** Trailers; after `head` fields, a trailers-only answer. */
export function trailersOf(end: Omit<CallEnd, "error">, head: readonly string[] = NO_FIELDS): HeaderList {
  const { status, message, trailers } = end;
  const fields = [...head, STATUS_KEY, String(status)];
  const encoded = trailers.text(MESSAGE_KEY) ?? (message === "" ? undefined : encodeMessage(message));
  if (encoded !== undefined) fields.push(MESSAGE_KEY, encoded);
  if (trailers.size > 0) appendFields(fields, trailers, OWN_KEYS);
  return lists.of(fields, trailers.sensitiveKeys);
}

/** The fields of an answer's head. */
export function headFields(contentType: string, metadata: CallMetadata | undefined): string[] {
  const fields = [":status", "200", "content-type", contentType];
  if (metadata !== undefined) appendFields(fields, metadata, HEAD_KEYS);
  return fields;
}

const HEAD_KEYS: ReadonlySet<string> = new Set(["content-type", "content-length", "te", STATUS_KEY]);

/** An answer's head. */
export function headOf(contentType: string, metadata: CallMetadata): HeaderList {
  return lists.of(headFields(metadata.text("content-type") ?? contentType, metadata), metadata.sensitiveKeys);
}
