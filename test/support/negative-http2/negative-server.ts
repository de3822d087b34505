import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

import { interopContract } from "../interop/contract";
import { zeros, type SimpleRequest } from "../interop/messages";
import { type Behaviour, BEHAVIOURS, type NegativeCaseName } from "./behaviours";
import { RawConnection } from "./raw-connection";

/** Bytes of flag and length before a message. */
const MESSAGE_HEAD_BYTES = 5;
/** Shorter requests are none of the cases': a health check, or a client that asks who the directors are. */
const CALL_BYTES_MIN = 64;

/** Serves UnaryCall of the interop tests, as one of the negative cases says; and writes down what its clients do wrong. */
export class NegativeServer {
  readonly address: string;
  readonly #server: Server;
  readonly #connections: RawConnection[];

  private constructor(server: Server, connections: RawConnection[]) {
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#connections = connections;
  }

  static async start(name: NegativeCaseName): Promise<NegativeServer> {
    const behaviour: Behaviour = BEHAVIOURS[name];
    const connections: RawConnection[] = [];
    let calls = 0;
    const server = createServer({ noDelay: true }, (socket) => {
      const connection = new RawConnection(socket, {
        onStream: (to) => {
          if (to.hasSentGoaway) to.violations.push("a stream was begun on a connection that goes away");
          if (name === "max_streams" && to.isSettled && to.openStreams > 1) {
            to.violations.push(`${to.openStreams} streams were open, and the limit is 1`);
          }
        },
        onRequest: (to, streamId, body) => {
          if (body.length < CALL_BYTES_MIN) return to.refuse(streamId);
          to.hasHadCalls = true;
          calls += 1;
          void behaviour.answer(to, streamId, answerTo(body), { isFirst: calls === 1 });
        },
      });
      connections.push(connection);
      behaviour.greet?.(connection);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NegativeServer(server, connections);
  }

  /** Connections over which calls came. */
  get connectionsOfCalls(): number {
    return this.#connections.filter(({ hasHadCalls }) => hasHadCalls).length;
  }

  get violations(): readonly string[] {
    return this.#connections.flatMap(({ violations }) => violations);
  }

  /** PINGs that no client has acknowledged. */
  get outstandingPings(): number {
    return this.#connections.reduce((sum, { outstandingPings }) => sum + outstandingPings.size, 0);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#server.close();
  }
}

/** The answer to a SimpleRequest, with its head. */
function answerTo(body: Buffer): Buffer {
  const { requestDeserialize, responseSerialize } =
    interopContract().definition("grpc.testing.TestService")["UnaryCall"]!;
  const { responseSize = 0 } = requestDeserialize(body.subarray(MESSAGE_HEAD_BYTES)) as SimpleRequest;
  const message = responseSerialize({ payload: zeros(responseSize) });
  const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
