import type { CallStart } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";
import { HeaderList } from "../../http2/header-list";
import { formatTimeout, parseTimeout } from "./grpc-timeout";
import { appendFields, contentTypeOf, isGrpc, metadataOf, withoutBlankEnds } from "./header-shapes";
import { RecentLists } from "./recent-lists";

/** The HTTP status of a request that is not gRPC. */
export type Refusal = "405" | "415";

/** What the head of a request says. Shared by all calls with the same head, so nobody may change it. */
export interface RequestHead {
  readonly path: string;
  readonly authority: string | undefined;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly contentType: string;
  /** Set when it is no call. */
  readonly refusal: Refusal | undefined;
  /** `grpc-timeout` cannot be read. */
  readonly hasBadTimeout: boolean;
}

/** Made once for each list, which is the same object for calls with the same head. */
export function requestHeadOf(list: HeaderList): RequestHead {
  return (list.derived ??= makeRequestHead(withoutBlankEnds(list))) as RequestHead;
}

function makeRequestHead(list: HeaderList): RequestHead {
  const timeout = list.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? undefined : parseTimeout(timeout);
  const metadata = metadataOf(list);
  return {
    path: list.get(":path")!,
    authority: list.get(":authority"),
    metadata,
    timeoutMs,
    contentType: contentTypeOf(metadata),
    refusal: refusalOf(list),
    hasBadTimeout: timeout !== undefined && timeoutMs === undefined,
  };
}

/** gRPC PROTOCOL-HTTP2, "Requests": POST, and a content-type of gRPC's, or 415. */
function refusalOf(list: HeaderList): Refusal | undefined {
  if (list.get(":method") !== "POST") return "405";
  return isGrpc(list.get("content-type")) ? undefined : "415";
}

/** Pseudo-headers and `te`, after which `grpc-timeout` stands: gRPC wants it before what users set. */
const FIELDS_BEFORE_TIMEOUT = 10;

/** Heads that are remembered; then all are forgotten, since those that are in use come back at once. */
const HEADS_MAX = 64;

/** The head of calls that share path and metadata. */
interface KnownHead {
  readonly list: HeaderList;
  /** With the deadline that came last: many calls in a row have the same, rounded as it is. */
  timed: { readonly timeout: string; readonly list: HeaderList } | undefined;
}

/** Makes the heads of requests to one peer. */
export class RequestHeads {
  readonly #lists = new RecentLists();
  /** By metadata, which calls with the same head share: spares putting the fields together to find out that they are known. */
  #heads = new Map<CallMetadata, Map<string, KnownHead>>();
  #count = 0;
  readonly #authority: string;
  readonly #scheme: "http" | "https";

  constructor(authority: string, scheme: "http" | "https") {
    this.#authority = authority;
    this.#scheme = scheme;
  }

  of({ path, metadata, timeoutMs }: CallStart): HeaderList {
    const head = this.#heads.get(metadata)?.get(path) ?? this.#make(path, metadata);
    if (timeoutMs === undefined) return head.list;
    const timeout = formatTimeout(timeoutMs);
    if (head.timed?.timeout === timeout) return head.timed.list;
    const fields = head.list.fields.slice();
    fields.splice(FIELDS_BEFORE_TIMEOUT, 0, "grpc-timeout", timeout);
    const list = HeaderList.of(fields, metadata.sensitiveKeys);
    head.timed = { timeout, list };
    return list;
  }

  #make(path: string, metadata: CallMetadata): KnownHead {
    const fields = [":method", "POST", ":scheme", this.#scheme, ":path", path, ":authority", this.#authority];
    fields.push("te", "trailers");
    if (metadata.text("content-type") === undefined) fields.push("content-type", contentTypeOf(metadata));
    appendFields(fields, metadata);
    const head: KnownHead = { list: this.#lists.of(fields, metadata.sensitiveKeys), timed: undefined };
    if (metadata.sensitiveKeys.length > 0) return head; // secrets are not kept
    if (this.#count >= HEADS_MAX) {
      this.#heads = new Map(); // not clear(): see OpenStreams
      this.#count = 0;
    }
    this.#count += 1;
    const byPath = this.#heads.get(metadata);
    if (byPath === undefined) this.#heads.set(metadata, new Map([[path, head]]));
    else byPath.set(path, head);
    return head;
  }
}
