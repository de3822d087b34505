import { type Socket, connect } from "node:net";
import { parseAddress } from "../../../src/core/address";
import { PREFACE } from "../../support/http2-raw-peer";
import type { Attack, AttackerRole, AttackStage } from "../attack";
import { dial } from "../dial";

/** Connections that are held at once by attacks that open without closing. */
const HELD_MAX = 1_000;

/** Opens connections at a pace; each is handed to `use`. */
function flood(
  name: string,
  role: AttackerRole,
  perSecond: number,
  open: (stage: AttackStage) => Socket,
  use: (socket: Socket) => void,
): Attack {
  return {
    name,
    role,
    start(stage) {
      const everyMs = 1_000 / Math.min(perSecond, 200);
      const perTurn = (perSecond * everyMs) / 1_000;
      let held = 0;
      setInterval(() => {
        for (let count = 0; count < perTurn && held < HELD_MAX; count += 1) {
          held += 1;
          stage.seen.connections += 1;
          const socket = open(stage);
          socket.on("error", () => socket.destroy());
          socket.once("close", () => {
            held -= 1;
            stage.seen.ended += 1;
          });
          socket.resume();
          use(socket);
        }
      }, everyMs);
    },
  };
}

/** TCP only, whatever is listened for. */
function plain({ target }: AttackStage): Socket {
  return connect(parseAddress(target, "the target"));
}

const client = ({ target, tls }: AttackStage) => dial(target, tls);

/** The first bytes of a TLS ClientHello that says it has 512. */
const HELLO_BEGUN = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

function trickle(bytes: Buffer): (socket: Socket) => void {
  return (socket) => {
    let at = 0;
    const timer = setInterval(() => socket.write(bytes.subarray(at, (at += 1))), 100);
    socket.once("close", () => clearInterval(timer));
  };
}

/** Connections instead of what is said on them. "Ended" counts those that the attacker ends, too. */
export const CONNECTION_FLOODS: readonly Attack[] = [
  flood("connections-open-close", "client", 500, plain, (socket) => socket.once("connect", () => socket.destroy())),
  flood("connections-preface-close", "client", 500, client, (socket) =>
    socket.once("connect", () => socket.end(PREFACE)),
  ),
  flood("connections-held", "client", 500, plain, () => {}),
  flood("tls-half-open", "tls-client", 500, plain, (socket) => socket.write(HELLO_BEGUN)),
  flood("tls-silent", "tls-client", 500, plain, () => {}),
  flood("tls-trickled", "tls-client", 200, plain, trickle(Buffer.concat([HELLO_BEGUN, Buffer.alloc(400)]))),
  flood("tls-garbage", "tls-client", 500, plain, (socket) => socket.write(Buffer.alloc(2_000, 0x5a))),
  flood("tls-plain-http2", "tls-client", 500, plain, (socket) => socket.write(PREFACE)),
  flood("tls-handshakes", "tls-client", 100, client, (socket) => socket.once("secureConnect", () => socket.destroy())),
  flood("tls-handshakes-cut", "tls-client", 200, client, (socket) =>
    socket.once("connect", () => setImmediate(() => socket.destroy())),
  ),
];
