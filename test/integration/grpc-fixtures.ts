import type { CallEnd, CallListener, CallStart, IncomingCall, OutgoingCall } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";
import { rpcConnection } from "../../src/rpc/client/rpc-connection";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import type { Connection } from "../../src/core/call";
import { seededRandom } from "../../src/core/random";
import { systemClock } from "../../src/platform/system-clock";
import { fakeThread } from "../support/fake-thread";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { GrpcServer, type IncomingHandler } from "../../src/wire/grpc-server";
import type { LiveTls } from "../../src/wire/live-tls";
import { channelCredentials, dialingTls, serverCredentials, servingTls } from "../../src/wire/tls";
import { OneWorkerDirector } from "../support/one-worker-director";
import type { Security, TestTls } from "../support/test-tls";

const MESSAGE_MAX_BYTES = 4 << 20;

/** What carries the calls of one end. */
export type Transport = "engine" | "grpc-js";

/** What serves them: with "threads", handlers are behind the port of a worker's thread. */
export type Serving = Transport | "engine, threads";

/** How a call gets from a client to a server. */
export interface Way {
  readonly client: Transport;
  readonly server: Serving;
  readonly path: "direct" | "director";
  readonly security: Security;
}

const TRANSPORTS: readonly Transport[] = ["engine", "grpc-js"];

/** Every way there is. Through a director TLS is mutual, as a fabric that uses it is set up. */
export const WAYS: readonly Way[] = [
  ...TRANSPORTS.flatMap((client) =>
    TRANSPORTS.flatMap((server): Way[] => [
      { client, server, path: "direct", security: "plain" },
      { client, server, path: "direct", security: "TLS" },
      { client, server, path: "director", security: "plain" },
      { client, server, path: "director", security: "mutual TLS" },
    ]),
  ),
  { client: "engine", server: "engine, threads", path: "direct", security: "plain" },
];

export interface TestServer {
  handle(path: string, handler: IncomingHandler): void;
  listen(address: string, field: string): Promise<string>;
  drain(): Promise<void>;
  close(): void;
}

/** A way to a server, from the client on. */
export interface Reach {
  /** What the client dials: the server, or the director before it. */
  readonly address: string;
  /** The client's. */
  readonly connection: Connection;
  /** The connection that ends at the server: the client's own, or the director's. */
  readonly link: Connection;
  /** Absent where the client calls the server itself. */
  readonly director: OneWorkerDirector | undefined;
}

export interface Wire extends Reach {
  readonly server: TestServer;
  /** What the server listens on. */
  readonly serverAddress: string;
}

export interface RigOptions extends Partial<Way> {
  /** Needed unless all is plain text. */
  readonly tls?: TestTls;
  /** What a director passes on. */
  readonly services?: readonly string[];
}

/** Closes what a test opened. */
export class WireRig {
  readonly #options: RigOptions;
  readonly #closes: (() => void)[] = [];

  constructor(options: RigOptions = {}) {
    this.#options = options;
  }

  /** A server on a free port, and a connection to it that is ready. */
  async open(
    serve: (server: TestServer) => void,
    options: { messageMaxBytes?: number | undefined } = {},
  ): Promise<Wire> {
    const { messageMaxBytes } = options;
    const server = this.server(messageMaxBytes);
    serve(server);
    const serverAddress = await server.listen("127.0.0.1:0", "TEST_ADDR");
    const reach = await this.reach(serverAddress, { messageMaxBytes });
    await Promise.all([whenReady(reach.connection), whenReady(reach.link)]);
    return { ...reach, server, serverAddress };
  }

  /** Whatever listens there, as the way leads to it. */
  async reach(serverAddress: string, { messageMaxBytes, queueTimeoutMs = 5_000 }: ReachOptions = {}): Promise<Reach> {
    if (this.#options.path !== "director") {
      const connection = this.connection(serverAddress, messageMaxBytes);
      return { address: serverAddress, connection, link: connection, director: undefined };
    }
    const { services = ["a.B"] } = this.#options;
    const parts = { tls: this.#tls(), services, messageMaxBytes: MESSAGE_MAX_BYTES, queueTimeoutMs };
    const director = new OneWorkerDirector(serverAddress, parts);
    this.#closes.push(() => director.close());
    const address = await director.listen();
    return { address, connection: this.connection(address, messageMaxBytes), link: director.link, director };
  }

  server(messageMaxBytes = MESSAGE_MAX_BYTES): TestServer {
    const tls = this.#tls();
    const parts = { clock: systemClock, random: seededRandom(1), messageMaxBytes, keepaliveMs: 0 };
    const server = this.#options.server?.startsWith("engine")
      ? new RpcServer({ ...parts, tls: tls && servingTls(tls) })
      : new GrpcServer({ ...parts, ...(tls ? { credentials: serverCredentials(tls) } : {}) });
    this.#closes.push(() => server.close());
    return this.#options.server === "engine, threads" ? inThread(server) : server;
  }

  connection(address: string, messageMaxBytes = MESSAGE_MAX_BYTES): Connection {
    const tls = this.#tls();
    const options = { keepaliveMs: 0, messageMaxBytes, reconnectMaxMs: 100 };
    const parts = { ...options, clock: systemClock, random: seededRandom(2), userAgent: "test" };
    const connection =
      this.#options.client === "engine"
        ? rpcConnection(address, { ...parts, tls: tls && dialingTls(tls) })
        : new GrpcConnection(address, { ...options, ...(tls ? { credentials: channelCredentials(tls) } : {}) });
    this.#closes.push(() => connection.close());
    return connection;
  }

  close(): void {
    for (const close of this.#closes.splice(0).reverse()) close();
  }

  #tls(): LiveTls | undefined {
    const { security = "plain", tls } = this.#options;
    return tls?.of(security);
  }
}

export interface ReachOptions {
  /** Of the client. */
  readonly messageMaxBytes?: number | undefined;
  /** How long a director lets calls wait for the server. */
  readonly queueTimeoutMs?: number;
}

/** The server with its handlers in another thread, as far as they can notice. */
function inThread(server: TestServer): TestServer {
  const methods = new Map<string, IncomingHandler>();
  const { handle: thread } = fakeThread(systemClock, methods);
  return {
    handle: (path, handler) => {
      methods.set(path, handler);
      server.handle(path, (call) => thread.run(call));
    },
    listen: (address, field) => server.listen(address, field),
    drain: () => server.drain(),
    close: () => server.close(),
  };
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
