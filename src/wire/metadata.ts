import { Metadata } from "@grpc/grpc-js";

import { CallMetadata } from "../core/call-metadata";
import { TRANSPORT_KEYS } from "../rpc/framing/user-metadata";

/** What a user set, without what the transport added. */
export function fromGrpcMetadata(metadata: Metadata): CallMetadata {
  const result = new CallMetadata();
  for (const key of Object.keys(metadata.getMap())) {
    if (TRANSPORT_KEYS.has(key)) continue;
    for (const value of metadata.get(key)) result.append(key, value);
  }
  return result;
}

/**
 * For sending. Values that HTTP/2 cannot carry would make `Metadata.add` throw in the middle of a call, so a bad entry is
 * left out here; entries of users are checked where they are set.
 */
export function toGrpcMetadata(metadata: CallMetadata): Metadata {
  const result = new Metadata();
  for (const [key, value] of metadata.entries()) {
    try {
      result.add(key, typeof value === "string" ? value : Buffer.from(value));
    } catch {
      continue;
    }
  }
  return result;
}
