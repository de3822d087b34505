import type { ServerHttp2Stream } from "node:http2";

import type { ServerDuplexStream } from "@grpc/grpc-js";

import type { IncomingCall, IncomingListener } from "../core/call";
import { Status } from "../core/status";
import { asBuffer } from "./bytes";
import { fromGrpcMetadata, toGrpcMetadata } from "./metadata";

/** A call at a grpc-js server, any of the four kinds, in bytes. */
export function incomingCall(stream: ServerDuplexStream<Buffer, Buffer>): IncomingCall {
  let over = false;
  return {
    path: stream.getPath(),
    metadata: fromGrpcMetadata(stream.metadata),
    timeoutMs: timeoutOf(stream.getDeadline()),
    peer: stream.getPeer(),
    authority: stream.getHost(),
    peerCertificate: () => stream.getAuthContext().sslPeerCertificate,
    listen: (listener: IncomingListener) => {
      stream.on("data", (bytes: Buffer) => {
        if (!over) listener.message(bytes);
      });
      stream.on("end", () => {
        // Node's own client ends the requests just before it resets a call: what came in the same read is to be seen first.
        setImmediate(() => {
          if (!over && !wasReset(stream)) listener.halfClosed();
        });
      });
      stream.on("drain", () => {
        if (!over) listener.drained?.();
      });
      // After a cancellation grpc-js emits no "drain", only this.
      stream.on("cancelled", () => {
        if (over) return;
        over = true;
        listener.cancelled();
      });
    },
    sendHeaders: (metadata) => {
      if (!over) stream.sendMetadata(toGrpcMetadata(metadata));
    },
    send: (bytes) => over || stream.write(asBuffer(bytes)),
    finish: ({ status, message, trailers }) => {
      if (over) return;
      over = true;
      const metadata = toGrpcMetadata(trailers);
      if (status === Status.OK) stream.end(metadata);
      else stream.emit("error", { code: status, details: message, metadata });
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}

/**
 * grpc-js ends the requests also when the caller resets the call, and says only later that it was cancelled: half an upload would
 * look like a whole one.
 */
function wasReset(stream: ServerDuplexStream<Buffer, Buffer>): boolean {
  const { call } = stream as unknown as { readonly call?: { readonly stream?: ServerHttp2Stream } };
  return call?.stream?.aborted === true;
}

function timeoutOf(deadline: Date | number): number | undefined {
  const deadlineMs = typeof deadline === "number" ? deadline : deadline.getTime();
  if (!Number.isFinite(deadlineMs)) return undefined;
  // grpc-js made the deadline from the wall clock, so only the wall clock says how much of it is left.
  // eslint-disable-next-line no-restricted-syntax
  return Math.max(0, deadlineMs - new Date().getTime());
}
