import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type MethodDefinition,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";

/** Everything a caller sees of a call, for comparison. */
export interface Seen {
  readonly messages: string[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly code: number;
  readonly details: string;
  readonly trailers: Readonly<Record<string, unknown>>;
}

/** What stands for the transport itself differs. */
const OF_TRANSPORT = new Set(["content-type", "date", "grpc-accept-encoding", "accept-encoding", "server"]);

function entries(metadata: Metadata): Readonly<Record<string, unknown>> {
  const known = Object.keys(metadata.getMap()).filter((key) => !OF_TRANSPORT.has(key));
  return Object.fromEntries(
    known.map((key) => [key, metadata.get(key).map((value) => (typeof value === "string" ? value : [...value]))]),
  );
}

type Method = MethodDefinition<string, string>;

/** Calls with a stock client of grpc-js. */
export class Caller {
  readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  }

  one(method: Method, request: string, metadata = new Metadata(), options: CallOptions = {}): Promise<Seen> {
    return this.single((done) =>
      this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        options,
        done,
      ),
    );
  }

  gather(method: Method, begin: (call: ClientWritableStream<string>) => void): Promise<Seen> {
    return this.single((done) => {
      const call = this.client.makeClientStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        new Metadata(),
        {},
        done,
      );
      begin(call);
      return call;
    });
  }

  spread(
    method: Method,
    request: string,
    begin: (call: ClientReadableStream<string>) => void = () => {},
    options: CallOptions = {},
  ): Promise<Seen> {
    const call = this.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      options,
    );
    begin(call);
    return streamed(call);
  }

  chat(method: Method, begin: (call: ClientDuplexStream<string, string>) => void): Promise<Seen> {
    const call = this.client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      new Metadata(),
      {},
    );
    begin(call);
    return streamed(call);
  }

  private single(
    begin: (
      done: (error: ServiceError | null, answer?: string) => void,
    ) => ClientUnaryCall | ClientWritableStream<string>,
  ): Promise<Seen> {
    return new Promise((resolve) => {
      let headers = {};
      const messages: string[] = [];
      const call = begin((_error, answer) => {
        if (answer !== undefined) messages.push(answer);
      });
      call.on("metadata", (metadata: Metadata) => (headers = entries(metadata)));
      call.on("status", (status: StatusObject) => {
        // The callback comes in the same turn, after or before.
        setImmediate(() => resolve(seen(messages, headers, status)));
      });
    });
  }
}

function streamed(call: ClientReadableStream<string> | ClientDuplexStream<string, string>): Promise<Seen> {
  return new Promise((resolve) => {
    let headers = {};
    const messages: string[] = [];
    call.on("metadata", (metadata: Metadata) => (headers = entries(metadata)));
    call.on("data", (text: string) => messages.push(text));
    call.on("error", () => {});
    call.on("status", (status: StatusObject) => resolve(seen(messages, headers, status)));
  });
}

function seen(messages: string[], headers: Readonly<Record<string, unknown>>, status: StatusObject): Seen {
  const { code, details } = status;
  // Of an answer without messages the head is the trailers.
  return { messages, headers, code, details: code === 0 ? "" : details, trailers: entries(status.metadata) };
}
