import {
  Client,
  compressionAlgorithms,
  Metadata,
  type CallOptions,
  type ChannelCredentials,
  type ClientDuplexStream,
  type MethodDefinition,
  type StatusObject,
} from "@grpc/grpc-js";

import { CallMetadata } from "../../../src/core/call-metadata";
import { MessageQueue } from "../../../src/core/message-queue";
import type { Status } from "../../../src/core/status";
import { fromGrpcMetadata, toGrpcMetadata } from "../../../src/wire/metadata";
import { interopContract } from "./contract";
import type {
  CallInput,
  CallOutcome,
  CallStatus,
  ChannelSettings,
  InteropChannel,
  InteropStream,
  TestMethod,
} from "./interop-channel";

/** What a stream of grpc-js writes to. */
interface FlaggedCall {
  sendMessageWithContext(context: { readonly flags: number; callback(): void }, message: object): void;
}

/** Bit of a message's flags, as in grpc's `grpc_types.h`. */
const NO_COMPRESS = 0x02;

type AnyMethod = MethodDefinition<object, object>;

/** grpc-js as its users have it. */
export class GrpcJsChannel implements InteropChannel {
  readonly #client: Client;

  constructor(address: string, credentials: ChannelCredentials, { compression }: ChannelSettings = {}) {
    this.#client = new Client(address, credentials, {
      ...(compression ? { "grpc.default_compression_algorithm": compressionAlgorithms[compression] } : {}),
      // Channels of one process share connections otherwise, and a soak of channels would be one of calls.
      "grpc.use_local_subchannel_pool": 1,
      // An IP address may not be the name that a TLS client asks for.
      "grpc.ssl_target_name_override": "localhost",
    });
  }

  async unary<Response>(method: TestMethod, request: object, input: CallInput = {}): Promise<CallOutcome<Response>> {
    return await this.#unary<Response>(testMethod(method), request, input);
  }

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
      toGrpcMetadata(input.metadata ?? new CallMetadata()),
      optionsOf(input),
    );
    return new GrpcJsStream<Request, Response>(stream as unknown as ClientDuplexStream<Request, Response>);
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
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        toGrpcMetadata(input.metadata ?? new CallMetadata()),
        optionsOf(input),
        (_error, value) => {
          response = value as Response | undefined;
        },
      );
      call.on("metadata", (received) => (headers = received));
      call.on("status", (status) => {
        // The callback is called right after this event.
        queueMicrotask(() => resolve({ response, status: statusOf(status), headers: fromGrpcMetadata(headers) }));
      });
    });
  }
}

class GrpcJsStream<Request extends object, Response extends object> implements InteropStream<Request, Response> {
  readonly headers: Promise<CallMetadata>;
  readonly status: Promise<CallStatus>;
  readonly #stream: ClientDuplexStream<Request, Response>;
  readonly #responses = new MessageQueue<Response>();
  readonly #reader = this.#responses[Symbol.asyncIterator]();

  constructor(stream: ClientDuplexStream<Request, Response>) {
    this.#stream = stream;
    this.headers = new Promise((resolve) => stream.once("metadata", (headers) => resolve(fromGrpcMetadata(headers))));
    this.status = new Promise((resolve) => stream.once("status", (status) => resolve(statusOf(status))));
    stream.on("data", (response: Response) => this.#responses.push(response));
    // Without a listener the event would end the process; the status says the same.
    stream.on("error", () => {});
    void this.status.then(() => this.#responses.end());
  }

  send(request: Request): void {
    this.#stream.write(request);
  }

  /** The public interface has no place for a message's flags. */
  sendCompressed(request: Request, compressed: boolean): Promise<void> {
    const { call } = this.#stream as unknown as { readonly call: FlaggedCall };
    const flags = compressed ? 0 : NO_COMPRESS;
    return new Promise((resolve) => {
      call.sendMessageWithContext({ flags, callback: () => resolve() }, request);
    });
  }

  halfClose(): void {
    this.#stream.end();
  }

  cancel(): void {
    this.#stream.cancel();
  }

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

function statusOf({ code, details, metadata }: StatusObject): CallStatus {
  return { code: code as number as Status, details, trailers: fromGrpcMetadata(metadata) };
}
