import type { Socket } from "node:net";
import type { Clock } from "../../core/clock";
import { ErrorCode } from "../../http2/error-codes";

/** How long a refused client may take to read why. */
const LINGER_MS = 1_000;
/** Refused connections that are still told why; more are cut at once. */
const TOLD_MAX = 256;

const SETTINGS = 4;
const GOAWAY = 7;

/** Refuses connections that were accepted, at the price of a few bytes each. */
export class ConnectionRefusals {
  readonly #clock: Clock;
  #telling = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Tells an HTTP/2 client over plain text why (RFC 9113 §3.4: SETTINGS come first), and closes. */
  tell(socket: Socket, reason: string): void {
    socket.on("error", () => {});
    if (this.#telling >= TOLD_MAX) {
      socket.destroy();
      return;
    }
    this.#telling += 1;
    const cancelTimer = this.#clock.after(LINGER_MS, () => socket.destroy());
    socket.once("close", () => {
      this.#telling -= 1;
      cancelTimer();
    });
    // What it has sent is read: closed with unread bytes, TCP would reset the connection, and the reason be lost.
    socket.resume();
    socket.end(Buffer.concat([frame(SETTINGS, Buffer.alloc(0)), frame(GOAWAY, goaway(reason))]));
  }
}

function goaway(reason: string): Buffer {
  const payload = Buffer.alloc(8 + reason.length);
  payload.writeUInt32BE(ErrorCode.ENHANCE_YOUR_CALM, 4);
  payload.write(reason, 8, "latin1");
  return payload;
}

/** A frame of the connection, without flags (RFC 9113 §4.1). */
function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
}
