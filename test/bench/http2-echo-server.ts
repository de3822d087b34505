/** A unary echo server for `http2-echo.ts`, in a process of its own: node http2-echo-server.js engine|node. Prints its port. */
import { createServer } from "node:http2";
import { echoHandler } from "../support/http2-echo";
import { engineOptions } from "../support/http2-parts";
import { startHttp2Server } from "../support/http2-server";

async function startEngine(): Promise<number> {
  return (await startHttp2Server(echoHandler, engineOptions())).port;
}

/** The least that `node:http2` can do for the same answer. */
async function startNode(): Promise<number> {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => stream.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    stream.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

const start = process.argv[2] === "node" ? startNode : startEngine;
void start().then((port) => console.log(port));
