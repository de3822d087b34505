import { AttachServiceDefinition } from "../../generated/heddle/v1/attach";
import type { DirectorMessage, WorkerMessage } from "../core/attach-messages";
import type { Connection, IncomingCall } from "../core/call";
import type { MessageStream } from "../core/message-stream";
import { pathOf } from "../rpc/service/service-definition";
import { decodeDirectorMessage, decodeWorkerMessage, encodeDirectorMessage, encodeWorkerMessage } from "./attach-codec";
import { acceptStream, openStream } from "./message-streams";

export const ATTACH_PATH = pathOf(AttachServiceDefinition, AttachServiceDefinition.methods.attach);

/** The worker's end: opens the Attach stream on a connection to a director. */
export function openAttach(connection: Connection): MessageStream<DirectorMessage, WorkerMessage> {
  return openStream(connection, ATTACH_PATH, { decode: decodeDirectorMessage, encode: encodeWorkerMessage });
}

/** The director's end of an Attach stream that a worker opened. */
export function acceptAttach(call: IncomingCall): MessageStream<WorkerMessage, DirectorMessage> {
  const codec = { decode: decodeWorkerMessage, encode: encodeDirectorMessage };
  return acceptStream(call, codec, { peer: "worker", stream: "Attach" });
}
