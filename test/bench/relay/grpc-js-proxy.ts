/**
 * Reference: the cheapest pass-through that `@grpc/grpc-js` allows. Buffers in, buffers out, the handlers and calls of each
 * method's own kind, no accounting, no choice, no retry.
 *
 * Arguments: the worker's address, and for TLS the files of certificate and key. Prints its address.
 */
import { readFileSync } from "node:fs";
import {
  Client,
  credentials,
  type Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
} from "@grpc/grpc-js";
import { ECHO_SERVICE } from "./echo-contract";

const asIs = (bytes: Buffer): Buffer => bytes;
const ECHO = `/${ECHO_SERVICE}/Echo`;
const ECHO_MANY = `/${ECHO_SERVICE}/EchoMany`;

const [worker = "", certFile, keyFile] = process.argv.slice(2);
const client = new Client(worker, credentials.createInsecure());
const server = new Server({ "grpc.max_concurrent_streams": 10_000 });

server.register(
  ECHO,
  (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
    let trailers: Metadata | undefined;
    client
      .makeUnaryRequest(ECHO, asIs, asIs, call.request, call.metadata, (error, bytes) => answer(error, bytes, trailers))
      .on("status", (status) => (trailers = status.metadata));
  },
  asIs,
  asIs,
  "unary",
);

server.register(
  ECHO_MANY,
  (call: ServerWritableStream<Buffer, Buffer>) => {
    const answers = client.makeServerStreamRequest(ECHO_MANY, asIs, asIs, call.request, call.metadata);
    answers.on("error", (error: ServiceError) => call.emit("error", error));
    call.on("cancelled", () => answers.cancel());
    answers.on("data", (bytes: Buffer) => {
      if (!call.write(bytes)) answers.pause();
    });
    call.on("drain", () => answers.resume());
    answers.on("end", () => call.end());
  },
  asIs,
  asIs,
  "serverStream",
);

const tls =
  certFile && keyFile
    ? ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) }])
    : ServerCredentials.createInsecure();
server.bindAsync("127.0.0.1:0", tls, (error, port) => {
  if (error) throw error;
  console.log(`listening at 127.0.0.1:${port}`);
});
