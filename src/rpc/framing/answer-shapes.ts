import type { Acceptance, CallEnd } from "../../core/call";
import { endOfAnswer } from "../../core/call-end";
import { CallMetadata } from "../../core/call-metadata";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { Status } from "../../core/status";
import type { HeaderList } from "../../http2/header-list";
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
      : endOfAnswer(Status.UNKNOWN, `the server's answer has no valid grpc-status`, new CallMetadata());
  // An error is the end of one call: who gets it may look at which one it is.
  if (end.status === Status.OK) list.derived = end;
  return end;
}

/** The end of an answer that is not one of gRPC's. */
export function endOfHttpStatus(httpStatus: string, contentType: string | undefined): CallEnd {
  const status = STATUS_OF_HTTP[httpStatus] ?? Status.UNKNOWN;
  const what = `the server answered with HTTP status ${httpStatus} and content-type "${contentType ?? ""}"`;
  return endOfAnswer(status, what, new CallMetadata());
}

const lists = new HeaderLists();

/** The metadata of an answer's head. The same list may also have been a whole answer, trailers only. */
export function metadataOfHead(list: HeaderList): CallMetadata {
  const known = list.derived;
  if (known instanceof CallMetadata) return known;
  const metadata = metadataOf(withoutBlankEnds(list));
  list.derived = metadata;
  return metadata;
}

/** What trailers became, kept with them: answers that end alike share theirs. */
class SentTrailers {
  readonly status: Status;
  readonly message: string;
  readonly list: HeaderList;

  constructor(status: Status, message: string, list: HeaderList) {
    this.status = status;
    this.message = message;
    this.list = list;
  }
}

/** Trailers after messages. */
export function trailersOf({ status, message, trailers }: Omit<CallEnd, "error">): HeaderList {
  const known = trailers.derived;
  if (known instanceof SentTrailers && known.status === status && known.message === message) return known.list;
  const list = lists.of(endFields(status, message, trailers), trailers.sensitiveKeys);
  trailers.derived = new SentTrailers(status, message, list);
  return list;
}

/** A whole answer without messages. */
export function trailersOnlyOf(contentType: string, { status, message, trailers }: Omit<CallEnd, "error">): HeaderList {
  const fields = [...headFields(contentType), ...endFields(status, message, trailers)];
  return lists.of(fields, trailers.sensitiveKeys);
}

function endFields(status: Status, message: string, trailers: CallMetadata): string[] {
  const fields = [STATUS_KEY, String(status)];
  const encoded = trailers.text(MESSAGE_KEY) ?? (message === "" ? undefined : encodeMessage(message));
  if (encoded !== undefined) fields.push(MESSAGE_KEY, encoded);
  appendFields(fields, trailers, OWN_KEYS);
  return fields;
}

function headFields(contentType: string): string[] {
  return [":status", "200", "content-type", contentType];
}

const HEAD_KEYS: ReadonlySet<string> = new Set(["content-type", "content-length", "te", STATUS_KEY]);

/** What the metadata of an answer's head became, kept with it. */
class SentHead {
  /** Of the call: it counts where the metadata names none. */
  readonly contentType: string;
  readonly list: HeaderList;

  constructor(contentType: string, list: HeaderList) {
    this.contentType = contentType;
    this.list = list;
  }
}

/** An answer's head. */
export function headOf(contentType: string, metadata: CallMetadata): HeaderList {
  const known = metadata.derived;
  if (known instanceof SentHead && known.contentType === contentType) return known.list;
  const fields = headFields(metadata.text("content-type") ?? contentType);
  appendFields(fields, metadata, HEAD_KEYS);
  const list = lists.of(fields, metadata.sensitiveKeys);
  metadata.derived = new SentHead(contentType, list);
  return list;
}

/** 102 "Processing": "the server has accepted the complete request, but has not yet completed it" (RFC 2518 §10.1). */
const PROCESSING = "102";

/** The interim answer (RFC 9113 §8.1) by which a worker says that it has taken a call. */
export function interimOf({ memberId, life }: Acceptance): HeaderList {
  return lists.of([":status", PROCESSING, HEDDLE_KEYS.accepted, life, HEDDLE_KEYS.worker, memberId]);
}

/** Undefined: an interim answer that says something else, or to somebody else. */
export function acceptanceOf(list: HeaderList): Acceptance | undefined {
  const life = list.get(HEDDLE_KEYS.accepted);
  const memberId = list.get(HEDDLE_KEYS.worker);
  return life === undefined || memberId === undefined ? undefined : { memberId, life };
}
