import { createServer, type Socket } from "node:net";
import { parseAddress } from "../../src/core/address";
import { FrameType } from "../../src/http2/frame-types";
import { attachWorker } from "../bench/relay/attachment";
import type { RawFrame } from "../support/http2-raw-peer";
import type { Attack } from "./attack";
import { dial } from "./dial";
import { wholeCall } from "./families/calls";
import { callWith } from "./header-fields";
import { HostileConnection, type HostileOptions } from "./hostile-connection";

/** Served by nobody but the hostile worker: whoever calls it knows what they get. */
export const HOSTILE_SERVICE = "bench.HostileService";

export interface HostileWorker extends HostileOptions {
  readonly name: string;
  /** What is said as soon as the director has connected. */
  opening?(connection: HostileConnection): Buffer;
  /** What is said to a call, at its HEADERS. Undefined: nothing. */
  answer?(id: number, connection: HostileConnection, calls: number): Buffer | undefined;
  /** The n-th piece of a flood on each connection. */
  piece?(n: number, connection: HostileConnection): Buffer;
  readonly perSecond?: number;
  /** What becomes of the connection when the director begins it. Default: HTTP/2. */
  accept?(socket: Socket): void;
}

/** Calls of the hostile service, each with a deadline: what becomes of them is the attacker's affair, but it must become something. */
const CALLS_PER_SECOND = 50;
const CALL = callWith(`/${HOSTILE_SERVICE}/Echo`, ["grpc-timeout", "500m"]);
const FLOOD_TURN_MS = 5;

/** A worker that attaches as any other does, and then keeps no rule; with a client that calls it. */
export function hostileWorker(plan: HostileWorker): Attack {
  return {
    name: plan.name,
    role: "worker",
    start({ target, workerAddress, attaches, seen }) {
      const serve = (socket: Socket) => {
        seen.connections += 1;
        if (plan.accept) {
          socket.on("error", () => socket.destroy());
          socket.once("close", () => (seen.ended += 1));
          plan.accept(socket);
          return;
        }
        let calls = 0;
        const onFrame = (received: RawFrame, connection: HostileConnection) => {
          plan.onFrame?.(received, connection);
          if (received.type !== FrameType.HEADERS) return;
          calls += 1;
          const bytes = plan.answer?.(received.id, connection, calls);
          if (bytes) connection.write(bytes);
        };
        const connection = new HostileConnection(socket, "server", seen, { ...plan, onFrame });
        if (plan.opening) connection.write(plan.opening(connection));
        if (plan.piece) flood(connection, plan);
      };
      const { host, port } = parseAddress(workerAddress, "the hostile worker's address");
      createServer(serve).listen(port, host, () => {
        if (attaches)
          void attachWorker(target, {
            memberId: `hostile-${process.pid}`,
            address: workerAddress,
            services: [HOSTILE_SERVICE],
          });
        setTimeout(() => call(target, seen), attaches ? 300 : 0);
      });
    },
  };
}

function flood(connection: HostileConnection, { piece, perSecond = 20_000 }: HostileWorker): void {
  let n = 0;
  const perTurn = Math.max(1, (perSecond * FLOOD_TURN_MS) / 1_000);
  const timer = setInterval(() => {
    if (connection.isEnded) {
      clearInterval(timer);
      return;
    }
    const parts: Buffer[] = [];
    for (let count = 0; count < perTurn && connection.hasRoom; count += 1) parts.push(piece!(n++, connection));
    connection.write(Buffer.concat(parts));
  }, FLOOD_TURN_MS);
}

function call(target: string, seen: ConstructorParameters<typeof HostileConnection>[2]): void {
  const client = new HostileConnection(dial(target, false), "client", seen);
  setInterval(() => client.write(wholeCall(client.takeId(), CALL)), 1_000 / CALLS_PER_SECOND);
}
