import type { IncomingCall, MessageCompression, MessageEncoding } from "../../core/call";
import { CallMetadata } from "../../core/call-metadata";
import { acceptsEncoding, encodedFrameOf } from "../framing/message-encoding";
import { sendFramed } from "../framing/send-framed";

/** Sends the answer of one call compressed, if its caller can read that. What the headers said counts for all messages (gRPC's compression.md). */
export class AnswerCompression {
  wanted: MessageCompression = { encoding: "identity" };
  /** What the headers said; undefined before. */
  #said: MessageEncoding | undefined;

  /** The headers that are sent. Once; what comes later is not sent anyway. */
  begin({ metadata: received }: IncomingCall, metadata: CallMetadata): CallMetadata {
    if (this.#said !== undefined) return metadata;
    const { encoding } = this.wanted;
    this.#said = acceptsEncoding(received, encoding) ? encoding : "identity";
    if (this.#said === "identity") return metadata;
    const said = metadata.clone();
    said.set("grpc-encoding", encoding);
    return said;
  }

  /** @param call - which copies what it is sent before `send` returns */
  send(call: IncomingCall, message: Uint8Array): boolean {
    if (this.#said === undefined) call.sendHeaders(this.begin(call, new CallMetadata()));
    const { encoding, compresses } = this.wanted;
    if (encoding !== this.#said || encoding === "identity" || compresses?.(message) === false) {
      return sendFramed(call, message);
    }
    return call.send(encodedFrameOf(message, encoding));
  }
}
