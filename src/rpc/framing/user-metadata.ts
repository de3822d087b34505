import { CallMetadata } from "../../core/call-metadata";

/** Of the transport: not for users, and made anew by whoever sends. */
export const TRANSPORT_KEYS: ReadonlySet<string> = new Set([
  "content-type",
  "date",
  "te",
  "user-agent",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-message",
  "grpc-timeout",
  "accept-encoding",
]);

/** Heads are shared by the calls that have the same one, so what was made of one is worth keeping with it. */
const known = new WeakMap<CallMetadata, CallMetadata>();

/** What a peer's user set: without the transport's own, the values of "-bin" keys as bytes. The caller's own copy. */
export function userMetadataOf(received: CallMetadata): CallMetadata {
  if (received.size === 0) return new CallMetadata();
  let made = known.get(received);
  if (made === undefined) {
    made = makeUserMetadata(received);
    known.set(received, made);
  }
  return made.clone();
}

function makeUserMetadata(received: CallMetadata): CallMetadata {
  const made = new CallMetadata();
  for (const [key, value] of received.entries()) {
    if (TRANSPORT_KEYS.has(key)) continue;
    if (typeof value !== "string" || !key.endsWith("-bin")) made.append(key, value);
    // Several values may have been joined on the way (PROTOCOL-HTTP2, "Custom-Metadata"); base64 has no comma.
    else for (const part of value.split(",")) made.append(key, Buffer.from(part, "base64"));
  }
  return made;
}
