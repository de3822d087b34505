import fastify from "fastify";

import { FabricError } from "../../../../src/core/errors";
import { type Logger, SILENT_LOGGER } from "../../../../src/core/logger";
import { answerErrors } from "../../../../src/gateway/guard/error-answers";
import { sendRefusal } from "../../../../src/gateway/rpc/http-refusal";

describe("A fault of the director, where calls are answered", () => {
  it("is told to its log, and to nobody else; what the request is to blame for is told", async () => {
    const lines: string[] = [];
    const logger: Logger = { ...SILENT_LOGGER, error: (line) => lines.push(line) };
    const app = fastify();
    answerErrors(app, logger);
    await app.register((calls, _options, done) => {
      calls.setErrorHandler((error, _request, reply) => sendRefusal(reply, error, logger));
      calls.get("/caught", (_request, reply) => sendRefusal(reply, new TypeError("secret is undefined"), logger));
      calls.get("/thrown", () => {
        throw new TypeError("secret is undefined");
      });
      calls.get("/blamed", (_request, reply) =>
        sendRefusal(reply, new FabricError("INVALID_ARGUMENT", "x is 1"), logger),
      );
      done();
    });
    for (const url of ["/caught", "/thrown"]) {
      const answer = await app.inject(url);
      expect([answer.statusCode, answer.json()]).toEqual([500, { code: "internal", message: expect.any(String) }]);
      expect(answer.body).not.toContain("secret");
    }
    expect(lines.filter((line) => line.includes("secret is undefined"))).toHaveLength(2);
    expect((await app.inject("/blamed")).body).toContain("x is 1");
  });
});
