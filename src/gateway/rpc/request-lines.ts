import { isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";

import type { OutgoingCall } from "../../core/call";
import { FabricError } from "../../core/errors";

const NEWLINE = 0x0a;

export interface RequestLinesOptions {
  /** Longest line. */
  readonly lineMaxBytes: number;
  /** More than that many are an error. */
  readonly linesMax: number;
  /** @throws FabricError when the line is no message */
  encode(line: string): Uint8Array;
  /** Told what is wrong with the body; nothing is sent after that. */
  failed(error: FabricError): void;
}

/** Sends each line of a body as a message, as they come and no faster than the call takes them. Empty lines are passed over. */
export class RequestLines {
  readonly #body: Readable;
  readonly #call: OutgoingCall;
  readonly #options: RequestLinesOptions;
  /** Of the line that is not complete. */
  readonly #parts: Buffer[] = [];
  #partsBytes = 0;
  #lineNumber = 0;
  #sent = 0;
  #isOver = false;

  constructor(body: Readable, call: OutgoingCall, options: RequestLinesOptions) {
    this.#body = body;
    this.#call = call;
    this.#options = options;
    body.on("data", (chunk: Buffer) => this.#take(chunk));
    body.on("end", () => this.#end());
    // That the caller is gone is seen where its answer goes.
    body.on("error", () => {});
  }

  /** The call takes more. */
  resume(): void {
    this.#body.resume();
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      this.#line();
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    if (this.#isOver || part.length === 0) return;
    this.#parts.push(part);
    this.#partsBytes += part.length;
    const { lineMaxBytes } = this.#options;
    if (this.#partsBytes > lineMaxBytes) {
      this.#fail(
        "MESSAGE_TOO_LARGE",
        `has more than ${lineMaxBytes} bytes (HEDDLE_HTTP_BODY_MAX_BYTES)`,
        this.#lineNumber + 1,
      );
    }
  }

  #line(): void {
    if (this.#isOver) return;
    this.#lineNumber += 1;
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts.length = 0;
    this.#partsBytes = 0;
    const line = bytes.toString().trim();
    if (line === "") return;
    if (!isUtf8(bytes)) return this.#fail("INVALID_ARGUMENT", "is not UTF-8");
    if (this.#sent === this.#options.linesMax) {
      return this.#fail(
        "INVALID_ARGUMENT",
        `is one message more than the method takes, which is ${this.#options.linesMax}`,
      );
    }
    this.#sent += 1;
    let message: Uint8Array;
    try {
      message = this.#options.encode(line);
    } catch (error) {
      const { code, message: said } = error as FabricError;
      this.#fail("INVALID_ARGUMENT", `cannot be sent: ${said.replace(`[${code}] `, "")}`);
      return;
    }
    if (!this.#call.send(message)) this.#body.pause();
  }

  #end(): void {
    this.#line();
    if (this.#isOver) return;
    const { linesMax } = this.#options;
    if (this.#sent === 0 && linesMax === 1)
      this.#fail("INVALID_ARGUMENT", "holds no message, and the method takes one");
    else this.#call.halfClose();
    this.#isOver = true;
  }

  #fail(code: "INVALID_ARGUMENT" | "MESSAGE_TOO_LARGE", what: string, line = this.#lineNumber): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.length = 0;
    this.#options.failed(new FabricError(code, `line ${Math.max(1, line)} of the body ${what}`));
  }
}
