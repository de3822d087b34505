import { Agent, request as httpRequest } from "node:http";

import type { FuzzRequest } from "./fuzz-request";

export interface FuzzAnswer {
  readonly status: number;
  readonly type: string;
  readonly nosniff: boolean;
  /** Empty for server-sent events. */
  readonly body: string;
}

const ANSWER_TIMEOUT_MS = 60_000;

/** Requests over connections that are kept. */
export class Exchange {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** @throws Error when there is no answer, or none in time */
  send({ method, path, headers, body }: FuzzRequest): Promise<FuzzAnswer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const request = httpRequest(
        { host: "127.0.0.1", port: this.#port, agent: this.#agent, method, path, headers: { ...headers, ...length } },
        (response) => {
          const chunks: Buffer[] = [];
          const done = () => {
            const type = response.headers["content-type"] ?? "";
            const nosniff = response.headers["x-content-type-options"] === "nosniff";
            resolve({ status: response.statusCode ?? 0, type, nosniff, body: Buffer.concat(chunks).toString("utf8") });
          };
          response.on("end", done).on("error", reject);
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          if (!isEvents(response.headers["content-type"] ?? "")) return;
          done(); // some have no end
          request.destroy();
        },
      );
      request.setTimeout(ANSWER_TIMEOUT_MS, () => request.destroy(new Error("no answer in time")));
      request.on("error", reject);
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function isEvents(type: string): boolean {
  return type.startsWith("text/event-stream");
}
