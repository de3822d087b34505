import type { CallOptions } from "../../../src/api/client";
import { CallMetadata } from "../../../src/core/call-metadata";
import { FabricError } from "../../../src/core/errors";
import { MessageQueue } from "../../../src/core/message-queue";
import { Status } from "../../../src/core/status";
import type { ServiceDefinition } from "../../../src/rpc/service/service-definition";
import type { TypedClient } from "../../../src/rpc/service/typed-client";
import type { TypedClients } from "./heddle-clients";
import { interopService } from "./interop-service";
import type {
  CallInput,
  CallOutcome,
  CallStatus,
  ChannelSettings,
  InteropChannel,
  InteropStream,
  TestMethod,
} from "./interop-channel";

/** Our own client as its users have it: promises and async iterables. */
export class HeddleChannel implements InteropChannel {
  readonly #clients: TypedClients;
  readonly #settings: ChannelSettings;
  readonly #service: TypedClient<ServiceDefinition>;
  readonly #unknown: TypedClient<ServiceDefinition>;

  /** @param clients - closed with the channel */
  constructor(clients: TypedClients, settings: ChannelSettings) {
    this.#settings = settings;
    this.#clients = clients;
    this.#service = clients.client(interopService("grpc.testing.TestService"));
    this.#unknown = clients.client(interopService("grpc.testing.UnimplementedService"));
  }

  async unary<Response>(method: TestMethod, request: object, input: CallInput = {}): Promise<CallOutcome<Response>> {
    return await outcomeOf<Response>(this.#service, method, request, input);
  }

  async unimplementedService(): Promise<CallOutcome<object>> {
    return await outcomeOf<object>(this.#unknown, "UnimplementedCall", {}, {});
  }

  open<Request extends object, Response extends object>(
    method: TestMethod,
    input: CallInput = {},
  ): InteropStream<Request, Response> {
    return new HeddleStream<Request, Response>(this.#service, method, input, this.#settings);
  }

  close(): void {
    void this.#clients.close();
  }
}

/** Told by a call's options, before its answer settles. */
class Heard {
  headers = new CallMetadata();
  trailers = new CallMetadata();

  optionsOf({ metadata, timeoutMs }: CallInput): CallOptions {
    return {
      ...(metadata === undefined ? {} : { metadata }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onHeaders: (headers) => (this.headers = headers),
      onTrailers: (trailers) => (this.trailers = trailers),
    };
  }

  /** @param error - what the call failed with; undefined: it is OK */
  statusOf(error?: unknown): CallStatus {
    if (error === undefined) return { code: Status.OK, details: "", trailers: this.trailers };
    if (!(error instanceof FabricError)) throw new Error("a call fails with a FabricError only", { cause: error });
    // Its own code before a server's words is for people.
    const details = error.message.slice(`[${error.code}] `.length);
    return { code: error.status, details, trailers: this.trailers };
  }
}

async function outcomeOf<Response>(
  client: TypedClient<ServiceDefinition>,
  method: TestMethod,
  request: object,
  input: CallInput,
): Promise<CallOutcome<Response>> {
  const heard = new Heard();
  try {
    const response = (await client[method]!(request, heard.optionsOf(input))) as Response;
    return { response, status: heard.statusOf(), headers: heard.headers };
  } catch (error) {
    return { response: undefined, status: heard.statusOf(error), headers: heard.headers };
  }
}

/** One answer, or many: read alike. */
class HeddleStream<Request extends object, Response extends object> implements InteropStream<Request, Response> {
  readonly headers: Promise<CallMetadata>;
  readonly status: Promise<CallStatus>;
  readonly #requests = new MessageQueue<Request>();
  /** Of the requests that were sent with `sendCompressed` and are not encoded yet. */
  readonly #compressed: boolean[] = [];
  readonly #cancelling = new AbortController();
  readonly #responses = new MessageQueue<Response>();
  readonly #reader = this.#responses[Symbol.asyncIterator]();

  constructor(
    client: TypedClient<ServiceDefinition>,
    method: TestMethod,
    input: CallInput,
    { compression }: ChannelSettings,
  ) {
    const heard = new Heard();
    let tellHeaders = (_: CallMetadata) => {};
    this.headers = new Promise((resolve) => (tellHeaders = resolve));
    const options: CallOptions = {
      ...heard.optionsOf(input),
      ...(compression && {
        compression: { encoding: compression, compresses: () => this.#compressed.shift() ?? true },
      }),
      signal: this.#cancelling.signal,
      onHeaders: (headers) => tellHeaders(headers),
    };
    this.status = this.#run(client, method, options).then(
      () => heard.statusOf(),
      (error: unknown) => heard.statusOf(error),
    );
    void this.status.then(
      () => this.#responses.end(),
      (error: unknown) => this.#responses.fail(error as Error),
    );
  }

  send(request: Request): void {
    this.#requests.push(request);
  }

  sendCompressed(request: Request, compressed: boolean): Promise<void> {
    this.#compressed.push(compressed);
    this.#requests.push(request);
    return Promise.resolve();
  }

  halfClose(): void {
    this.#requests.end();
  }

  cancel(): void {
    this.#cancelling.abort();
  }

  async next(): Promise<Response | undefined> {
    const { value, done } = await this.#reader.next();
    return done ? undefined : value;
  }

  async #run(client: TypedClient<ServiceDefinition>, method: TestMethod, options: CallOptions): Promise<void> {
    const { requestStream } = interopService("grpc.testing.TestService").methods[method]!;
    const answer = client[method]!(requestStream ? this.#requests : await this.#onlyRequest(), options);
    if (!isMany(answer)) {
      this.#responses.push((await answer) as Response);
      return;
    }
    for await (const one of answer) this.#responses.push(one as Response);
  }

  /** Known when the call starts, where there is just one. */
  async #onlyRequest(): Promise<Request | undefined> {
    for await (const request of this.#requests) return request;
    return undefined;
  }
}

function isMany(answer: Promise<unknown> | AsyncIterable<unknown>): answer is AsyncIterable<unknown> {
  return Symbol.asyncIterator in answer;
}
