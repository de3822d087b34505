import type { Connection, IncomingCall, OutgoingCall } from "../../src/core/call";

/** Takes a call to the one place where it can go: nothing is picked, and nothing tried again. */
export function passStraightOn(call: IncomingCall, connection: Connection): void {
  const { path, metadata, timeoutMs } = call;
  const outgoing: OutgoingCall = connection.start(
    { path, metadata, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    {
      headers: (received) => call.sendHeaders(received),
      message: (bytes) => {
        if (!call.send(bytes)) outgoing.pause();
      },
      drained: () => call.resume(),
      ended: (end) => call.finish(end),
    },
  );
  call.listen({
    message: (bytes) => {
      if (!outgoing.send(bytes)) call.pause();
    },
    halfClosed: () => outgoing.halfClose(),
    cancelled: () => outgoing.cancel(),
    drained: () => outgoing.resume(),
  });
}
