import { EventEmitter } from "node:events";

import type { FastifyReply } from "fastify";

import { EventStream } from "../../../../src/gateway/dashboard/event-stream";

/** A response whose reader takes what `takes` says. */
class Response extends EventEmitter {
  takes = true;
  writableEnded = false;
  destroyed = false;
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

  it("ends with an error of its connection, which harms nobody else", () => {
    const { response, calls } = setUp();
    response.emit("error", new Error("EPIPE"));
    expect({ destroyed: response.destroyed, calls }).toEqual({ destroyed: true, calls: ["ended"] });
  });
});
