import { ExecuteRequest, ExecuteResponse } from "../../generated/heddle/compute/v1/compute";
import type { Connection } from "../../src/core/call";
import type { MethodDefinition, RequestInput, ResponseInput } from "../../src/rpc/service/service-definition";
import { mountService, type Handlers } from "../../src/rpc/service/service-handlers";
import { typedClient, type TypedClient } from "../../src/rpc/service/typed-client";
import { until } from "../support/fake-worker-ends";
import type { TestTls } from "../support/test-tls";
import { type TestServer, type Way, type Wire, WireRig } from "./grpc-fixtures";

const MESSAGES = { requestType: ExecuteRequest, responseType: ExecuteResponse, options: {} } as const;

/** A service with a method of each kind, as ts-proto writes it, of generated messages. */
export const ECHO = {
  name: "Echo",
  fullName: "test.v1.Echo",
  methods: {
    unary: { ...MESSAGES, name: "Unary", requestStream: false, responseStream: false },
    serverStream: { ...MESSAGES, name: "ServerStream", requestStream: false, responseStream: true },
    clientStream: { ...MESSAGES, name: "ClientStream", requestStream: true, responseStream: false },
    bidi: { ...MESSAGES, name: "Bidi", requestStream: true, responseStream: true },
  },
} as const;

const BIDI = { ...MESSAGES, requestStream: true, responseStream: true } as const;

/** The same methods where either side may say as many messages as it likes: a peer that does not keep to the contract. */
export const LOOSE = {
  name: "Loose",
  fullName: "test.v1.Loose",
  methods: {
    unary: { ...BIDI, name: "Unary" },
    serverStream: { ...BIDI, name: "ServerStream" },
    clientStream: { ...BIDI, name: "ClientStream" },
  },
} as const;

export type EchoClient = TypedClient<typeof ECHO>;
export type EchoHandlers = Handlers<typeof ECHO>;
export type Asked = RequestInput<MethodDefinition & (typeof ECHO)["methods"]["unary"]>;
export type Said = ResponseInput<MethodDefinition & (typeof ECHO)["methods"]["unary"]>;

export const ask = (task: string) => ({ task });
export const say = (workerLabel: string) => ({ workerLabel });

/** A client and a server of ECHO, for the tests of one way. What the server does is for each test to say. */
export class EchoRig {
  readonly #rig: WireRig;
  readonly #messageMaxBytes: number | undefined;
  #handlers: Partial<EchoHandlers> = {};
  #looseHandlers: Partial<Handlers<typeof LOOSE>> = {};
  wire!: Wire;
  client!: EchoClient;

  constructor(way: Way, tls: TestTls, messageMaxBytes?: number) {
    this.#rig = new WireRig({ ...way, tls, services: [ECHO.fullName, LOOSE.fullName] });
    this.#messageMaxBytes = messageMaxBytes;
  }

  async open(): Promise<void> {
    this.wire = await this.#rig.open((server) => this.mountOn(server), { messageMaxBytes: this.#messageMaxBytes });
    this.client = typedClient(ECHO, this.wire.connection);
  }

  /** What the methods do from now on; of those that are not named the calls fail. */
  serve(handlers: Partial<EchoHandlers>): void {
    this.#handlers = handlers;
  }

  serveLoosely(handlers: Partial<Handlers<typeof LOOSE>>): void {
    this.#looseHandlers = handlers;
  }

  /** Another client, with a limit of its own. */
  anotherClient(messageMaxBytes: number): EchoClient {
    return typedClient(ECHO, this.#rig.connection(this.wire.address, messageMaxBytes));
  }

  /** A server like the first, to take its place. */
  async serveAgain(): Promise<TestServer> {
    const server = this.#rig.server();
    this.mountOn(server);
    await server.listen(this.wire.serverAddress, "TEST_ADDR");
    return server;
  }

  get connection(): Connection {
    return this.wire.connection;
  }

  /** A director has no call in hand. */
  async whenAtRest(): Promise<void> {
    await until(() => (this.wire.director?.inHand ?? 0) === 0);
  }

  close(): void {
    this.#rig.close();
  }

  mountOn(server: TestServer): void {
    const echo = mountService(ECHO, {
      unary: (request, context) => this.#handlers.unary!(request, context),
      serverStream: (request, context) => this.#handlers.serverStream!(request, context),
      clientStream: (requests, context) => this.#handlers.clientStream!(requests, context),
      bidi: (requests, context) => this.#handlers.bidi!(requests, context),
    });
    const loose = mountService(LOOSE, {
      unary: (requests, context) => this.#looseHandlers.unary!(requests, context),
      serverStream: (requests, context) => this.#looseHandlers.serverStream!(requests, context),
      clientStream: (requests, context) => this.#looseHandlers.clientStream!(requests, context),
    });
    for (const { methods } of [echo, loose]) for (const [path, run] of methods) server.handle(path, run);
  }
}

/** All that an iterable gives. */
export async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const message of messages) seen.push(message);
  return seen;
}

/** What is waited for until somebody says so. */
export class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}

/** Resolves when the signal has aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
