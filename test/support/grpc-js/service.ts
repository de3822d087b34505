import { Metadata, type MethodDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ServerDuplexStream, ServerReadableStream, ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";
import type { sendUnaryData } from "@grpc/grpc-js";

/** A service as it is written for grpc-js, that does what the text of its request says. */

const serialize = (message: unknown) => Buffer.from(JSON.stringify(message));
const deserialize = (bytes: Buffer) => JSON.parse(bytes.toString()) as string;

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<string, string> {
  return {
    path: `/test.Grpc/${name}`,
    requestStream,
    responseStream,
    requestSerialize: (text) => (text === "unreadable" ? Buffer.from("{") : serialize(text)),
    requestDeserialize: deserialize,
    responseSerialize: (text) => {
      if (text === undefined) throw new Error("there is nothing to serialize");
      return serialize(text);
    },
    responseDeserialize: deserialize,
    originalName: name.charAt(0).toLowerCase() + name.slice(1),
  };
}

export const DEFINITION = {
  one: method("One", false, false),
  Gather: method("Gather", true, false),
  Spread: method("Spread", false, true),
  Chat: method("Chat", true, true),
  Missing: method("Missing", false, false),
  MissingStream: method("MissingStream", true, true),
};

type Surface = ServerUnaryCall<string, string> | ServerWritableStream<string, string>;

/** What the handlers saw. */
export class Diary {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];

  note(line: string): void {
    this.lines.push(line);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async whenHas(line: string): Promise<void> {
    while (!this.lines.includes(line)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

export function trailers(entries: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.add(key, value);
  return metadata;
}

const detailed = () =>
  Object.assign(new Error("not this"), {
    code: 9,
    details: "Größe 100 %",
    metadata: trailers({ "x-why": "because", "x-raw-bin": Buffer.from([0, 255]) }),
  });

/** Spread: what fits before the caller reads. */
export const LARGE = "x".repeat(32_768);
export const LARGE_COUNT = 100;

export function implementation(diary: Diary): UntypedServiceImplementation {
  const watch = (call: Surface) => call.on("cancelled", () => diary.note(`cancelled: ${call.cancelled}`));

  return {
    one(call: ServerUnaryCall<string, string>, callback: sendUnaryData<string>) {
      watch(call);
      switch (call.request) {
        case "describe": {
          const deadline = call.getDeadline();
          const isNear = Number.isFinite(deadline) && Math.abs(Number(deadline) - Date.now() - 20_000) < 10_000;
          const known = [call.getPath(), call.getHost(), call.getPeer().replace(/\d+$/, "port"), isNear];
          return callback(null, [...known, call.cancelled, call.getAuthContext()].join(" "));
        }
        case "metadata": {
          const { metadata } = call;
          // grpc-js joins the values of a repeated key.
          const seen = [
            metadata.get("x-text").join(", "),
            metadata.get("x-raw-bin").map((value) => [...(value as Buffer)]),
          ];
          call.sendMetadata(trailers({ "x-head": "first", "x-head-bin": Buffer.from([1, 2]) }));
          call.sendMetadata(trailers({ "x-head": "second" }));
          return callback(null, JSON.stringify(seen), trailers({ "x-end": "1", "x-end-bin": Buffer.from([3]) }));
        }
        case "detailed":
          return callback(detailed());
        case "trailers win":
          return callback(detailed(), null, trailers({ "x-why": "the callback says so" }));
        case "plain error":
          return callback(new Error("no code"));
        case "status object":
          return callback({ code: 5, details: "gone" });
        case "throw":
          throw Object.assign(new Error("secret"), { code: 3 });
        case "nothing":
          return callback(null, undefined);
        case "never":
          return diary.note("began");
        case "twice":
          callback(null, "first");
          return callback({ code: 13, details: "second" });
        default:
          return callback(null, `one ${call.request}`);
      }
    },

    gather(call: ServerReadableStream<string, string>, callback: sendUnaryData<string>) {
      const texts: string[] = [];
      call.on("cancelled", () => diary.note(`cancelled: ${call.cancelled}`));
      call.on("data", (text: string) => {
        texts.push(text);
        if (text === "enough") callback(null, texts.join("+"));
        if (text === "detailed") callback(detailed());
        if (text === "hold") diary.note("began");
      });
      call.on("end", () => callback(null, texts.join("+")));
    },

    spread(call: ServerWritableStream<string, string>) {
      watch(call);
      switch (call.request) {
        case "detailed":
          call.write("one");
          call.write("two");
          call.emit("error", detailed());
          return;
        case "error with trailers":
          call.write("one");
          call.emit("error", { code: 7, details: "no" });
          return;
        case "trailers":
          call.write("one");
          call.end(trailers({ "x-end": "late" }));
          return;
        case "throw":
          throw new Error("secret");
        case "unwritable":
          call.write(undefined as unknown as string);
          return;
        case "hold":
          call.write("one");
          diary.note("began");
          return;
        case "pressure": {
          let written = 0;
          const write = () => {
            while (written < LARGE_COUNT) {
              written += 1;
              if (!call.write(LARGE)) {
                diary.note(written < LARGE_COUNT ? "held back" : "all written");
                call.once("drain", write);
                return;
              }
            }
            call.end();
          };
          return write();
        }
        default:
          for (const letter of call.request) call.write(letter);
          call.end();
      }
    },

    chat(call: ServerDuplexStream<string, string>) {
      call.on("cancelled", () => diary.note(`cancelled: ${call.cancelled}`));
      call.on("close", () => diary.note("closed"));
      call.on("data", (text: string) => {
        if (text === "detailed") call.emit("error", detailed());
        else if (text === "hold") diary.note("began");
        else if (text === "bye") call.end(trailers({ "x-end": "bye" }));
        else call.write(`you said ${text}`);
      });
      call.on("end", () => call.end());
    },
  };
}
