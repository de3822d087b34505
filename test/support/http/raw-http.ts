import { connect, type Socket } from "node:net";

/** A connection on which a test says what it likes, byte by byte. */
export class RawHttp {
  readonly #socket: Socket;
  #received = "";
  /** All that came, when the other side ended the connection. */
  readonly ended: Promise<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (this.#received += text));
    socket.on("error", () => {}); // a reset ends it too
    this.ended = new Promise((resolve) => socket.once("close", () => resolve(this.#received)));
  }

  static open(port: number): Promise<RawHttp> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port }, () => resolve(new RawHttp(socket)));
      socket.once("error", reject);
    });
  }

  send(text: string): this {
    this.#socket.write(text);
    return this;
  }

  /** Reads nothing more. */
  pause(): this {
    this.#socket.pause();
    return this;
  }

  /** Resolves when what came matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received)) {
      if (this.#socket.closed) throw new Error(`ended without ${String(pattern)}: ${this.#received}`);
      await new Promise<void>((resolve) => {
        const go = () => {
          this.#socket.off("data", go).off("close", go);
          resolve();
        };
        this.#socket.once("data", go).once("close", go);
      });
    }
    return this.#received;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One request in these words, and all of the answer. */
export async function rawRequest(port: number, ...lines: readonly string[]): Promise<string> {
  const connection = await RawHttp.open(port);
  connection.send(lines.join("\r\n"));
  return connection.ended;
}
