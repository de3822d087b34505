import { Agent, request } from "node:http";

const ECHO = "/bench.EchoService/Echo";

/** Makes POST requests on connections that are kept, `concurrency` at once. */
export class HttpLoad {
  readonly #address: string;
  readonly #agent: Agent;
  readonly #body: Buffer;
  readonly #expected: string;

  /** @param payloadBytes - of each message, which is echoed */
  constructor(address: string, payloadBytes: number) {
    this.#address = address;
    this.#agent = new Agent({ keepAlive: true });
    const payload = Buffer.alloc(payloadBytes, "x").toString("base64");
    this.#body = Buffer.from(JSON.stringify({ payload }));
    this.#expected = payload;
  }

  /** Rejects at the first answer that is not the echo. */
  async run(calls: number, concurrency: number): Promise<void> {
    let left = calls;
    const lane = async () => {
      while (left > 0) {
        left -= 1;
        await this.#call();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(): Promise<void> {
    const [host, port] = this.#address.split(":");
    const headers = { "content-type": "application/json", "content-length": this.#body.length };
    return new Promise((resolve, reject) => {
      const sent = request({ agent: this.#agent, host, port, method: "POST", path: ECHO, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("end", () => {
          if (response.statusCode === 200 && text.includes(this.#expected)) resolve();
          else reject(new Error(`${this.#address} answered ${response.statusCode} ${text.slice(0, 200)}`));
        });
      });
      sent.on("error", reject);
      sent.end(this.#body);
    });
  }
}
