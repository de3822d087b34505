import type { CallStart } from "../core/call";
import type { CallMetadata } from "../core/call-metadata";
import { HeaderList } from "../http2/header-list";
import { formatTimeout, parseTimeout } from "./grpc-timeout";
import { appendFields, contentTypeOf, HeaderLists, isGrpc, metadataOf, withoutBlankEnds } from "./header-shapes";

/** The HTTP status of a request that is not gRPC. */
export type Refusal = "405" | "415";

/** What the head of a request says. Shared by all calls with the same head, so nobody may change it. */
export interface RequestHead {
  readonly path: string;
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

/** Makes the heads of requests to one peer. */
export class RequestHeads {
  readonly #lists = new HeaderLists();
  readonly #authority: string;
  readonly #scheme: "http" | "https";

  constructor(authority: string, scheme: "http" | "https") {
    this.#authority = authority;
    this.#scheme = scheme;
  }

  of({ path, metadata, timeoutMs }: CallStart): HeaderList {
    const fields = [":method", "POST", ":scheme", this.#scheme, ":path", path, ":authority", this.#authority];
    fields.push("te", "trailers");
    if (metadata.text("content-type") === undefined) fields.push("content-type", contentTypeOf(metadata));
    // Differs for each call, so that nothing is gained by remembering.
    if (timeoutMs !== undefined) fields.push("grpc-timeout", formatTimeout(timeoutMs));
    appendFields(fields, metadata);
    const { sensitiveKeys } = metadata;
    return timeoutMs === undefined ? this.#lists.of(fields, sensitiveKeys) : HeaderList.of(fields, sensitiveKeys);
  }
}
