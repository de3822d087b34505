import type { Socket } from "node:net";
import { FrameType } from "../../../src/http2/frame-types";
import { frame, PREFACE } from "../../support/http2-raw-peer";
import type { Attack, AttackStage } from "../attack";
import { dial } from "../dial";
import { callBlock } from "../header-fields";
import { data, headers, PATH, SHAPE } from "./calls";

const BYTE_EVERY_MS = 100;

/** Says something byte by byte, over and over, on many connections: a slow peer costs nothing but its place. */
function slow(name: string, connections: number, atOnce: Buffer, slowly: Buffer): Attack {
  return {
    name,
    role: "client",
    start({ target, tls, seen }: AttackStage) {
      for (let count = 0; count < connections; count += 1) {
        seen.connections += 1;
        let at = 0;
        const socket: Socket = dial(target, tls);
        socket.on("error", () => socket.destroy());
        socket.once("close", () => (seen.ended += 1));
        socket.resume();
        socket.write(atOnce);
        setInterval(() => {
          if (socket.destroyed) return;
          socket.write(slowly.subarray(at, at + 1));
          at = (at + 1) % slowly.length;
        }, BYTE_EVERY_MS);
      }
    },
  };
}

const GREETING = Buffer.concat([PREFACE, frame(FrameType.SETTINGS, 0, 0)]);
const NOTHING = Buffer.alloc(0);

/** Peers that take their time. Each of many connections, because one costs nobody anything. */
export const SLOW_PEERS: readonly Attack[] = [
  slow("slow-preface", 100, NOTHING, PREFACE),
  slow(
    "slow-headers",
    100,
    Buffer.concat([GREETING, frame(FrameType.HEADERS, 0, 1, callBlock(PATH))]),
    frame(FrameType.CONTINUATION, 0, 1, [0x84]),
  ),
  slow("slow-frame", 100, GREETING, headers(1)),
  slow("slow-body", 100, Buffer.concat([GREETING, headers(1)]), data(1, SHAPE.message)),
  slow("http1", 100, NOTHING, Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")),
];
