/**
 * Reference: a proxy of `node:http2` streams. It knows nothing of gRPC: headers, bytes and trailers go through as they are, over
 * one connection to the worker.
 *
 * Arguments: the worker's address, for TLS the files of certificate and key, and a service with the address of the worker that has
 * it. Prints its address.
 */
import { readFileSync } from "node:fs";
import {
  connect,
  constants,
  createSecureServer,
  createServer,
  type ClientHttp2Session,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";

const [worker = "", certFile, keyFile, service, serviceWorker] = process.argv.slice(2);
const upstream = connect(`http://${worker}`);

let detour: ClientHttp2Session | undefined;

function upstreamFor(path = ""): ClientHttp2Session {
  if (service === undefined || !path.startsWith(`/${service}/`)) return upstream;
  if (detour === undefined || detour.closed || detour.destroyed) {
    detour = connect(`http://${serviceWorker}`);
    detour.on("error", () => {});
  }
  return detour;
}

function relay(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number): void {
  const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  const request = upstreamFor(headers[":path"]).request(headers, { endStream });
  const reset = () => {
    if (!stream.closed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    if (!request.closed) request.close(constants.NGHTTP2_CANCEL);
  };
  stream.on("error", reset);
  request.on("error", reset);
  if (!endStream) stream.pipe(request);

  let trailers: IncomingHttpHeaders = {};
  request.on("response", (answer, answerFlags) => {
    if (stream.destroyed) return;
    if (answerFlags & constants.NGHTTP2_FLAG_END_STREAM) {
      stream.respond(answer, { endStream: true });
      return;
    }
    stream.respond(answer, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    request.pipe(stream);
  });
  request.on("trailers", (received) => (trailers = received));
}

const server: Http2Server =
  certFile && keyFile
    ? createSecureServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
    : createServer();
server.on("stream", relay);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address && typeof address === "object") console.log(`listening at 127.0.0.1:${address.port}`);
});
