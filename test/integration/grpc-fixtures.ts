import type { CallEnd, CallListener, CallStart, IncomingCall, OutgoingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { rpcConnection } from "../../src/rpc/client/rpc-connection";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import type { Connection } from "../../src/core/call";
import { seededRandom } from "../../src/core/random";
import { systemClock } from "../../src/platform/system-clock";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { GrpcServer, type IncomingHandler } from "../../src/wire/grpc-server";

const MESSAGE_MAX_BYTES = 4 << 20;

/** What carries the calls of one end. */
export type Transport = "engine" | "grpc-js";

export interface TestServer {
  handle(path: string, handler: IncomingHandler): void;
  listen(address: string, field: string): Promise<string>;
  drain(): Promise<void>;
  close(): void;
}

export interface Wire {
  readonly server: TestServer;
  readonly address: string;
  readonly connection: Connection;
}

/** Closes what a test opened. */
export class WireRig {
  readonly #client: Transport;
  readonly #server: Transport;
  readonly #closes: (() => void)[] = [];

  constructor(client: Transport = "grpc-js", server: Transport = "grpc-js") {
    this.#client = client;
    this.#server = server;
  }

  /** A server on a free port, and a connection to it that is ready. */
  async open(serve: (server: TestServer) => void, options: { messageMaxBytes?: number } = {}): Promise<Wire> {
    const server = this.server(options.messageMaxBytes);
    serve(server);
    const address = await server.listen("127.0.0.1:0", "TEST_ADDR");
    const connection = this.connection(address, options.messageMaxBytes);
    await whenReady(connection);
    return { server, address, connection };
  }

  server(messageMaxBytes = MESSAGE_MAX_BYTES): TestServer {
    const parts = { clock: systemClock, random: seededRandom(1), messageMaxBytes, keepaliveMs: 0 };
    const server = this.#server === "engine" ? new RpcServer(parts) : new GrpcServer(parts);
    this.#closes.push(() => server.close());
    return server;
  }

  connection(address: string, messageMaxBytes = MESSAGE_MAX_BYTES): Connection {
    const options = { keepaliveMs: 0, messageMaxBytes, reconnectMaxMs: 100 };
    const parts = { ...options, clock: systemClock, random: seededRandom(2), userAgent: "test" };
    const isEngine = this.#client === "engine";
    const connection = isEngine ? rpcConnection(address, parts) : new GrpcConnection(address, options);
    this.#closes.push(() => connection.close());
    return connection;
  }

  close(): void {
    for (const close of this.#closes.splice(0).reverse()) close();
  }
}

export function whenReady(connection: Connection, ready = true): Promise<void> {
  return new Promise((resolve) => {
    if (connection.isReady() === ready) resolve();
    else connection.onReadiness((now) => now === ready && resolve());
  });
}

/** What a caller saw, in order. */
export interface Seen {
  readonly log: string[];
  readonly messages: Uint8Array[];
  readonly headers: CallMetadata[];
  readonly ended: Promise<CallEnd>;
  readonly call: OutgoingCall;
  readonly ends: CallEnd[];
}

export function start(
  connection: Connection,
  call: Partial<CallStart> = {},
  listener: Partial<CallListener> = {},
): Seen {
  const log: string[] = [];
  const messages: Uint8Array[] = [];
  const headers: CallMetadata[] = [];
  const ends: CallEnd[] = [];
  let outgoing: OutgoingCall | undefined;
  const ended = new Promise<CallEnd>((resolve) => {
    outgoing = connection.start(
      { path: "/a.B/C", metadata: new CallMetadata(), ...call },
      {
        headers: (metadata) => {
          log.push("headers");
          headers.push(metadata);
          listener.headers?.(metadata);
        },
        message: (bytes) => {
          log.push("message");
          messages.push(bytes);
          listener.message?.(bytes);
        },
        ended: (end) => {
          log.push("ended");
          ends.push(end);
          resolve(end);
        },
        drained: () => listener.drained?.(),
      },
    );
  });
  return { log, messages, headers, ended, ends, call: outgoing! };
}

/** Takes a call and hands it to the test, with everything that came in. */
export interface Taken {
  readonly call: IncomingCall;
  readonly requests: Uint8Array[];
  readonly cancelled: Promise<void>;
  readonly halfClosed: Promise<void>;
}

export function taking(
  onCall: (taken: Taken) => void,
  onMessage: (taken: Taken, bytes: Uint8Array) => void = () => {},
) {
  return (call: IncomingCall) => {
    let cancel = () => {};
    let halfClose = () => {};
    const taken: Taken = {
      call,
      requests: [],
      cancelled: new Promise((resolve) => (cancel = resolve)),
      halfClosed: new Promise((resolve) => (halfClose = resolve)),
    };
    call.listen({
      message: (bytes) => {
        taken.requests.push(bytes);
        onMessage(taken, bytes);
      },
      halfClosed: () => halfClose(),
      cancelled: () => cancel(),
    });
    onCall(taken);
  };
}

export const OK = { status: 0, message: "", trailers: new CallMetadata() } as const;
