/**
 * An echo server of `make bench-ends`, in a process of its own: "engine", "grpc-js" or "node-http2". Prints where it listens.
 * Messages are bytes for all of them.
 *
 * With --expose-gc it collects garbage when it gets SIGUSR2, and prints "heap BYTES" then: what the heap and buffers outside of
 * it hold.
 */
import type { AddressInfo } from "node:net";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import { callShape, PREFIX_BYTES, type CallKind } from "../relay/echo-contract";
import { serveEngine } from "./engine-parts";

const COLLECTIONS = 4;
const COLLECTION_PAUSE_MS = 250;

const pathOf = (kind: CallKind) => callShape(8, 1, kind).path;

/** As its documentation shows it, with its defaults. */
function serveGrpcJs(): Promise<string> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const method = (kind: CallKind) => ({
    path: pathOf(kind),
    requestStream: kind === "chat",
    responseStream: kind !== "unary",
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  });
  const service: ServiceDefinition = { echo: method("unary"), echoMany: method("stream"), chat: method("chat") };
  const server = new Server();
  server.addService(service, {
    echo: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, call.request),
    echoMany: (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let count = 0; count < call.request[1]!; count += 1) call.write(call.request);
      call.end();
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end());
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(`127.0.0.1:${port}`);
    });
  });
}

/** The least that `node:http2` can do for the same answers: it does not take messages apart, nor check anything. */
function serveNodeHttp2(): Promise<string> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("error", () => {});
    if (headers[":path"] === pathOf("chat")) stream.pipe(stream);
    else answerWhole(stream, headers[":path"] === pathOf("stream"));
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );
}

function answerWhole(stream: ServerHttp2Stream, isStream: boolean): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    const request = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const answers = isStream ? request[PREFIX_BYTES + 1]! : 1;
    for (let count = 1; count < answers; count += 1) stream.write(request);
    stream.end(request);
  });
}

const SERVERS: Readonly<Record<string, () => Promise<string>>> = {
  engine: serveEngine,
  "grpc-js": serveGrpcJs,
  "node-http2": serveNodeHttp2,
};

async function main(): Promise<void> {
  const [kind = ""] = process.argv.slice(2);
  const serve = SERVERS[kind];
  if (serve === undefined) throw new Error(`there is no server ${kind}: ${Object.keys(SERVERS).join(", ")}`);
  process.on("SIGUSR2", () => void collect());
  console.log(`listening at ${await serve()}`);
}

/** More than once, with a pause: what one collection sets free may be what holds something else. */
async function collect(): Promise<void> {
  for (let count = 0; count < COLLECTIONS; count += 1) {
    globalThis.gc?.();
    await new Promise((wake) => setTimeout(wake, COLLECTION_PAUSE_MS));
  }
  const { heapUsed, external } = process.memoryUsage();
  console.log(`heap ${heapUsed + external}`);
}

void main();
