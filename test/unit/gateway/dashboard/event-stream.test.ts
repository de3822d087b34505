import { EventEmitter, once } from "node:events";
import { connect, type AddressInfo } from "node:net";

import fastify, { type FastifyReply } from "fastify";

import { EventStream } from "../../../../src/gateway/dashboard/event-stream";

/** A response whose reader takes what `takes` says. */
class Response extends EventEmitter {
  takes = true;
  writableEnded = false;
  destroyed = false;
  readonly socket = null;
  readonly written: string[] = [];

  writeHead(): void {}
  flushHeaders(): void {}

  write(text: string): boolean {
    if (this.writableEnded) this.emit("error", new Error("write after end"));
    this.written.push(text);
    return this.takes;
  }

  end(): void {
    this.writableEnded = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}

function setUp() {
  const response = new Response();
  const reply = { raw: response, hijack: () => {} } as unknown as FastifyReply;
  const calls: string[] = [];
  const stream = new EventStream(reply, { ended: () => calls.push("ended"), drained: () => calls.push("drained") });
  return { response, stream, calls };
}

describe("EventStream", () => {
  it("writes nothing after its end, however late its connection closes", () => {
    const { response, stream, calls } = setUp();
    stream.send("a");
    stream.end();
    stream.send("b");
    expect(response.written).toEqual(["a"]);
    expect(calls).toEqual([]);
    response.destroy();
    expect(calls).toEqual(["ended"]);
  });

  it("ends when its reader takes nothing for as long as is set, and not when it is only silent", async () => {
    const ended: string[] = [];
    let isCut = () => {};
    const cut = new Promise<void>((resolve) => (isCut = resolve));
    const app = fastify();
    const open = (reply: FastifyReply, name: string) => {
      const callbacks = { drained: () => {}, ended: () => void ended.push(name) };
      return new EventStream(reply, callbacks, 100);
    };
    app.get("/silent", (_request, reply) => {
      open(reply, "silent");
    });
    app.get("/busy", (_request, reply) => {
      reply.raw.once("close", isCut);
      open(reply, "busy").send("x".repeat(32 * 1024 * 1024));
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const ask = async (path: string) => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await once(socket, "readable"); // and nothing is read
      return socket;
    };
    const sockets = [await ask("/silent"), await ask("/busy")];
    await cut;
    expect(ended).toEqual(["busy"]);
    for (const socket of sockets) socket.destroy();
    await app.close();
  });

  it("ends with an error of its connection, which harms nobody else", () => {
    const { response, calls } = setUp();
    response.emit("error", new Error("EPIPE"));
    expect({ destroyed: response.destroyed, calls }).toEqual({ destroyed: true, calls: ["ended"] });
  });
});
