import type { Connection, IncomingCall } from "../core/call";
import { endOfError } from "../core/call-end";
import { CallMetadata } from "../core/call-metadata";
import { asFabricError, FabricError, messageOf } from "../core/errors";
import { MessageQueue } from "../core/message-queue";
import type { MessageStream } from "../core/message-stream";
import { Status } from "../core/status";

/** How the messages of a stream are read and written at one end. */
export interface StreamCodec<Incoming, Outgoing> {
  /** `undefined` for a kind of a newer version, which is to be ignored. Throws when the bytes are no message. */
  decode(bytes: Uint8Array): Incoming | undefined;
  encode(message: Outgoing): Uint8Array;
}

/**
 * Control messages that wait for a peer which does not read. They are small and few (a beat once per interval), so this many mean
 * minutes of silence: the stream is broken then, because a control message must not be lost.
 */
const WAITING_MAX = 256;

/** Counts what a peer has not taken yet. */
class Backlog {
  #waiting = 0;
  #emptied: (() => void)[] = [];

  /** False when there is no room for one more. */
  add(): boolean {
    this.#waiting += 1;
    return this.#waiting <= WAITING_MAX;
  }

  clear(): void {
    this.#waiting = 0;
    for (const resolve of this.#emptied.splice(0)) resolve();
  }

  empty(): Promise<void> {
    if (this.#waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }
}

/** The caller's end of a stream: opens it on a connection. */
export function openStream<Incoming, Outgoing>(
  connection: Connection,
  path: string,
  { decode, encode }: StreamCodec<Incoming, Outgoing>,
): MessageStream<Incoming, Outgoing> {
  const incoming = new MessageQueue<Incoming>();
  const backlog = new Backlog();
  let over = false;
  const call = connection.start(
    { path, metadata: new CallMetadata() },
    {
      headers: () => {},
      message: (bytes) => {
        const message = decodeOrFail(decode, bytes, (error) => {
          incoming.fail(error);
          call.cancel();
        });
        if (message) incoming.push(message);
      },
      drained: () => backlog.clear(),
      ended: (end) => {
        over = true;
        backlog.clear();
        if (end.error) incoming.fail(end.error);
        else incoming.end();
      },
    },
  );
  return {
    incoming,
    send: (message) => {
      if (over) return false;
      if (call.send(encode(message)) || backlog.add()) return true;
      call.cancel();
      return false;
    },
    drained: () => backlog.empty(),
    end: () => call.halfClose(),
    abort: () => call.cancel(),
  };
}

/** The server's end of a stream that a peer opened. `names`: what the peer and the stream are called in errors. */
export function acceptStream<Incoming, Outgoing>(
  call: IncomingCall,
  { decode, encode }: StreamCodec<Incoming, Outgoing>,
  names: { readonly peer: string; readonly stream: string },
): MessageStream<Incoming, Outgoing> {
  const backlog = new Backlog();
  let over = false;
  const finish = (error?: FabricError) => {
    if (over) return;
    over = true;
    backlog.clear();
    call.finish(error ? endOfError(error) : { status: Status.OK, message: "", trailers: new CallMetadata() });
  };
  const incoming = new MessageQueue<Incoming>();
  call.listen({
    message: (bytes) => {
      const message = decodeOrFail(decode, bytes, (error) => {
        incoming.fail(error);
        finish(error);
      });
      if (message) incoming.push(message);
    },
    halfClosed: () => incoming.end(),
    drained: () => backlog.clear(),
    cancelled: () => {
      over = true;
      backlog.clear();
      incoming.fail(new FabricError("WORKER_LOST", `the ${names.stream} stream broke`));
    },
  });
  return {
    incoming,
    send: (message) => {
      if (over) return false;
      if (call.send(encode(message)) || backlog.add()) return true;
      const error = new FabricError("PROTOCOL_VIOLATION", `the ${names.peer} left ${WAITING_MAX} messages unread`);
      incoming.fail(error);
      finish(error);
      return false;
    },
    drained: () => backlog.empty(),
    end: () => finish(),
    abort: (error) => {
      const reason = asFabricError(error, "PROTOCOL_VIOLATION");
      incoming.fail(reason);
      finish(reason);
    },
  };
}

function decodeOrFail<T>(
  decode: (bytes: Uint8Array) => T | undefined,
  bytes: Uint8Array,
  fail: (error: FabricError) => void,
): T | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    fail(new FabricError("PROTOCOL_VIOLATION", `a message cannot be decoded: ${messageOf(error)}`, { cause: error }));
    return undefined;
  }
}
