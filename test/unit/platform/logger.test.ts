import { Writable } from "node:stream";
import { createLogger, type LoggerOptions } from "../../../src/platform/logger";

/** Keeps what is written; a slow one finishes each write a turn later, as a pipe does. */
class Sink extends Writable {
  readonly chunks: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    setImmediate(() => {
      this.chunks.push(chunk.toString());
      done();
    });
  }

  get lines(): string[] {
    return this.chunks.join("").split("\n").slice(0, -1);
  }
}

async function logged(options: Partial<LoggerOptions>, write: (logger: ReturnType<typeof createLogger>) => void) {
  const stream = new Sink();
  const logger = createLogger({ level: "info", format: "json", stream, ...options });
  write(logger);
  await logger.close();
  return stream.lines;
}

const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe("Logger", () => {
  it("has written every line when it is closed", async () => {
    const lines = await logged({}, (logger) => {
      for (let line = 0; line < 5_000; line += 1) logger.info(`line ${line}`);
    });
    expect(lines).toHaveLength(5_000);
    expect(lines.at(-1)).toContain("line 4999");
  });

  it("leaves out what is less important than its level", async () => {
    const lines = await logged({ level: "warn" }, (logger) => {
      logger.debug("d");
      logger.info("i");
      logger.warn("w");
      logger.error("e");
    });
    expect(parsed(lines).map(({ level }) => level)).toEqual(["warn", "error"]);
  });

  it("gives a child's fields to each of its lines, and to those of its children", async () => {
    const lines = await logged({}, (logger) => {
      const child = logger.child({ worker: "w1", attempt: 1 });
      child.child({ attempt: 2 }).info("a", { call: 7 });
      logger.info("b");
    });
    expect(parsed(lines)).toEqual([
      expect.objectContaining({ message: "a", worker: "w1", attempt: 2, call: 7 }),
      expect.not.objectContaining({ worker: "w1" }),
    ]);
  });

  it("keeps a field named message out of the message", async () => {
    const lines = await logged({}, (logger) => logger.info("ours", { message: "theirs" }));
    expect(parsed(lines)[0]).toMatchObject({ message: "ours", message_: "theirs" });
  });

  it("uses no colours where there is no terminal", async () => {
    const lines = await logged({ format: "pretty" }, (logger) => logger.error("plain"));
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d ERROR plain$/);
  });

  it("goes on, and closes, when nobody reads the log any more", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const logger = createLogger({ level: "info", format: "json", stream });
    logger.info("into the void");
    logger.info("and again");
    await expect(logger.close()).resolves.toBeUndefined();
  });

  it("closing twice is closing once", async () => {
    const logger = createLogger({ level: "info", format: "json", stream: new Sink() });
    await logger.close();
    await expect(logger.close()).resolves.toBeUndefined();
  });
});
