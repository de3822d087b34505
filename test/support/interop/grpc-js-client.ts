import {
  Client,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type MethodDefinition,
  type StatusObject,
} from "@grpc/grpc-js";

import { MessageQueue } from "../../../src/core/message-queue";
import { interopContract } from "./contract";

export interface CallInput {
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
}

/** How a call went; statuses are results here, because most cases look at them. */
export interface CallOutcome<Response> {
  /** Of a unary call that is OK. */
  readonly response: Response | undefined;
  readonly status: StatusObject;
  readonly headers: Metadata;
}

type TestMethod =
  | "EmptyCall"
  | "UnaryCall"
  | "StreamingOutputCall"
  | "StreamingInputCall"
  | "FullDuplexCall"
  | "HalfDuplexCall"
  | "UnimplementedCall";

/** What a stream of grpc-js writes to. */
interface FlaggedCall {
  sendMessageWithContext(context: { readonly flags: number; callback(): void }, message: object): void;
}

type AnyMethod = MethodDefinition<object, object>;

/** A channel of its own to an interop server, or to a director before it. */
export class GrpcJsClient {
  readonly #client: Client;

  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions = {}) {
    this.#client = new Client(address, credentials, {
      ...options,
      // Channels of one process share connections otherwise, and a soak of channels would be one of calls.
      "grpc.use_local_subchannel_pool": 1,
      // An IP address may not be the name that a TLS client asks for.
      "grpc.ssl_target_name_override": "localhost",
    });
  }

  async unary<Response>(method: TestMethod, request: object, input: CallInput = {}): Promise<CallOutcome<Response>> {
    return await this.#unary<Response>(testMethod(method), request, input);
  }

  /** The method of a service that no server has. */
  async unimplementedService(): Promise<CallOutcome<object>> {
    const service = interopContract().definition("grpc.testing.UnimplementedService");
    return await this.#unary<object>(service["UnimplementedCall"] as AnyMethod, {}, {});
  }

  open<Request extends object, Response extends object>(
    method: TestMethod,
    input: CallInput = {},
  ): InteropStream<Request, Response> {
    const { path, requestSerialize, responseDeserialize } = testMethod(method);
    const stream = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      input.metadata ?? new Metadata(),
      optionsOf(input),
    );
    return new InteropStream<Request, Response>(stream as unknown as ClientDuplexStream<Request, Response>);
  }

  close(): void {
    this.#client.close();
  }

  #unary<Response>(
    { path, requestSerialize, responseDeserialize }: AnyMethod,
    request: object,
    input: CallInput,
  ): Promise<CallOutcome<Response>> {
    return new Promise((resolve) => {
      let response: Response | undefined;
      let headers = new Metadata();
      const metadata = input.metadata ?? new Metadata();
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        optionsOf(input),
        (_error, value) => {
          response = value as Response | undefined;
        },
      );
      call.on("metadata", (received) => (headers = received));
      call.on("status", (status) => {
        // The callback is called right after this event.
        queueMicrotask(() => resolve({ response, status, headers }));
      });
    });
  }
}

/** A call of the streaming kinds, message by message. */
export class InteropStream<Request extends object, Response extends object> {
  readonly headers: Promise<Metadata>;
  /** Settles with whatever status the call ends. */
  readonly status: Promise<StatusObject>;
  readonly #stream: ClientDuplexStream<Request, Response>;
  readonly #responses = new MessageQueue<Response>();
  readonly #reader = this.#responses[Symbol.asyncIterator]();

  constructor(stream: ClientDuplexStream<Request, Response>) {
    this.#stream = stream;
    this.headers = new Promise((resolve) => stream.once("metadata", resolve));
    this.status = new Promise((resolve) => stream.once("status", resolve));
    stream.on("data", (response: Response) => this.#responses.push(response));
    // Without a listener the event would end the process; the status says the same.
    stream.on("error", () => {});
    void this.status.then(() => this.#responses.end());
  }

  send(request: Request): void {
    this.#stream.write(request);
  }

  /** Sends one message with flags of its own, for which the public interface has no place. Resolves when it was taken. */
  sendWithFlags(request: Request, flags: number): Promise<void> {
    const { call } = this.#stream as unknown as { readonly call: FlaggedCall };
    return new Promise((callback) => call.sendMessageWithContext({ flags, callback: () => callback() }, request));
  }

  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }

  /** The next answer; `undefined` when the call has ended. */
  async next(): Promise<Response | undefined> {
    const { value, done } = await this.#reader.next();
    return done ? undefined : value;
  }
}

function testMethod(method: TestMethod): AnyMethod {
  return interopContract().definition("grpc.testing.TestService")[method] as AnyMethod;
}

function optionsOf({ timeoutMs }: CallInput): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
