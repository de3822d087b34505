import fastify, { type FastifyReply } from "fastify";

import type { CallListener } from "../../../../src/core/call";
import { CallMetadata } from "../../../../src/core/call-metadata";
import { SILENT_LOGGER, type Logger } from "../../../../src/core/logger";
import { Status } from "../../../../src/core/status";
import { addMetadata, CONNECT_NAMING, type AnswerHeaders } from "../../../../src/gateway/rpc/answer-metadata";
import type { CallShape } from "../../../../src/gateway/rpc/call-shape";
import { StreamAnswer } from "../../../../src/gateway/rpc/stream-answer";
import { NDJSON } from "../../../../src/gateway/rpc/stream-form";
import { UnaryAnswer } from "../../../../src/gateway/rpc/unary-answer";
import { ManualClock } from "../../../../src/testing/manual-clock";

function metadataOf(...entries: [string, string][]): CallMetadata {
  const metadata = new CallMetadata();
  for (const [key, value] of entries) metadata.append(key, value);
  return metadata;
}

describe("The metadata of an answer", () => {
  it("leaves out names that every object has, and keeps all values of the others", () => {
    const metadata = metadataOf(["constructor", "a"], ["__proto__", "b"], ["x-two", "1"], ["x-two", "2"]);
    const headers: AnswerHeaders = {};
    addMetadata(headers, metadata, CONNECT_NAMING.header);
    expect(Object.entries(headers)).toEqual([["x-two", ["1", "2"]]]);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });
});

describe("A fault while an answer is written", () => {
  const broken = () => {
    throw new Error("no name");
  };
  const shape: CallShape = {
    registry: undefined as never,
    naming: { header: broken, trailer: broken },
    answerType: "application/json",
    answer: () => "{}",
  };
  const failed = { status: Status.NOT_FOUND, message: "", trailers: metadataOf(["x-one", "1"]) };
  const clock = new ManualClock();

  it.each<[string, (reply: FastifyReply, logger: Logger) => CallListener]>([
    ["one message", (reply, logger) => new UnaryAnswer(reply, { shape, logger })],
    ["a stream", (reply, logger) => new StreamAnswer(reply, { clock, logger, shape, form: NDJSON })],
  ])("ends that request and nothing else, and is logged: %s", async (_name, answerOf) => {
    const errors: string[] = [];
    const logger = { ...SILENT_LOGGER, error: (line: string) => errors.push(line) };
    const app = fastify();
    app.get("/breaks", (_request, reply) => {
      answerOf(reply, logger).ended(failed);
      return reply;
    });
    app.get("/works", () => "fine");
    await expect(app.inject("/breaks")).rejects.toThrow(/destroyed/);
    expect((await app.inject("/works")).body).toBe("fine");
    expect(errors).toEqual([expect.stringMatching(/^HTTP GET \/breaks could not be answered: Error: no name/)]);
    await app.close();
  });
});
