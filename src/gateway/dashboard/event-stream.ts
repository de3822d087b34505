import type { ServerResponse } from "node:http";

import type { FastifyReply } from "fastify";

import { limitStall, STALL_MAX_MS } from "../guard/stall-limit";

/** One server-sent event (WHATWG HTML §9.2). `data` holds no line break. */
export function sseEvent(event: string, data: string, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

/** An answer that goes on, as server-sent events. Takes nothing while its reader is slow, so that it holds no more than one write, and not for ever. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #stallMaxMs: number;
  #isFull = false;
  #isEnded = false;

  /** @param ended - the reader is gone, or `end` was called: once */
  constructor(reply: FastifyReply, callbacks: { ended(): void; drained(): void }, stallMaxMs = STALL_MAX_MS) {
    this.#stallMaxMs = stallMaxMs;
    reply.hijack();
    this.#response = reply.raw;
    this.#response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      // Proxies would keep it until it is whole.
      "x-accel-buffering": "no",
    });
    this.#response.flushHeaders();
    this.#response.on("drain", () => {
      this.#isFull = false;
      if (this.#isEnded || this.#response.writableEnded) return;
      limitStall(this.#response.socket, 0);
      callbacks.drained();
    });
    this.#response.on("error", () => this.#response.destroy()); // without a listener it would end the process
    this.#response.on("close", () => {
      if (this.#isEnded) return;
      this.#isEnded = true;
      callbacks.ended();
    });
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  send(text: string): void {
    // Between `end` and "close" there may be a while, in which others still have something to tell.
    if (this.#isEnded || this.#isFull || this.#response.writableEnded) return;
    this.#isFull = !this.#response.write(text);
    if (this.#isFull) limitStall(this.#response.socket, this.#stallMaxMs);
  }

  end(): void {
    limitStall(this.#response.socket, this.#stallMaxMs);
    this.#response.end();
    // Whoever does not read does not see the end either.
    if (this.#isFull) this.#response.destroy();
  }
}
