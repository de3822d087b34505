import { gunzipSync, inflateSync } from "node:zlib";

/** What `grpc-accept-encoding` says of us. */
export const ACCEPTED_ENCODINGS = "identity,deflate,gzip";

const DECODERS: Readonly<Record<string, typeof gunzipSync>> = { gzip: gunzipSync, deflate: inflateSync };

export function isAcceptedEncoding(encoding: string): boolean {
  return encoding === "identity" || Object.hasOwn(DECODERS, encoding);
}

/**
 * A message that was sent compressed; undefined when it has over `bytesMax`.
 * @throws Error when it is broken
 */
export function decompress(bytes: Buffer, encoding: string, bytesMax: number): Buffer | undefined {
  const decode = DECODERS[encoding];
  if (decode === undefined) throw new Error(`it has the encoding "${encoding}"`);
  try {
    return decode(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw error;
  }
}
