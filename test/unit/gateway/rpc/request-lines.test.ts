import { EventEmitter, once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import fc from "fast-check";
import type { OutgoingCall } from "../../../../src/core/call";
import { FabricError } from "../../../../src/core/errors";
import { RequestLines } from "../../../../src/gateway/rpc/request-lines";

function rig({ lineMaxBytes = 100, linesMax = Infinity } = {}) {
  const body = new PassThrough();
  const sent: string[] = [];
  const failed: string[] = [];
  const counts = { halfClosed: 0 };
  const call = {
    send: (bytes: Uint8Array) => sent.push(Buffer.from(bytes).toString()) > 0,
    halfClose: () => void (counts.halfClosed += 1),
  } as unknown as OutgoingCall;
  new RequestLines(body, call, {
    lineMaxBytes,
    linesMax,
    encode: (line) => {
      if (line === "bad") throw new FabricError("INVALID_ARGUMENT", "it is bad");
      return Buffer.from(line);
    },
    failed: (error) => failed.push(error.message),
  });
  return { body, sent, failed, counts };
}

async function ended(body: PassThrough): Promise<void> {
  body.end();
  await once(body, "end");
}

describe("Lines of a body", () => {
  it("are messages, however they come in pieces", async () => {
    const line = fc.stringMatching(/^[a-z0-9é]{1,12}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 8 }),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        fc.integer({ min: 1, max: 9 }),
        async (all, newline, pieceBytes) => {
          const { body, sent, failed, counts } = rig();
          const bytes = Buffer.from(all.join(newline));
          for (let start = 0; start < bytes.length; start += pieceBytes) {
            body.write(bytes.subarray(start, start + pieceBytes));
          }
          await ended(body);
          expect(sent).toEqual(all.filter((each) => each !== "bad"));
          expect([failed.length === 0, counts.halfClosed]).toEqual(all.includes("bad") ? [false, 0] : [true, 1]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("stop their sender while the call takes no more", () => {
    const asked: string[] = [];
    const body = Object.assign(new EventEmitter(), {
      pause: () => asked.push("pause"),
      resume: () => asked.push("resume"),
    });
    const answers = [true, false, true];
    const call = { send: () => answers.shift()!, halfClose: () => asked.push("half-close") };
    const lines = new RequestLines(body as unknown as Readable, call as unknown as OutgoingCall, {
      lineMaxBytes: 100,
      linesMax: Infinity,
      encode: (line) => Buffer.from(line),
      failed: (error) => asked.push(error.message),
    });
    body.emit("data", Buffer.from("1\n"));
    expect(asked).toEqual([]);
    body.emit("data", Buffer.from("2\n"));
    expect(asked).toEqual(["pause"]);
    lines.resume();
    body.emit("data", Buffer.from("3"));
    body.emit("end");
    expect([asked, answers]).toEqual([["pause", "resume", "half-close"], []]);
  });

  it.each([
    ["a\nbad\nc\n", "line 2 of the body cannot be sent: it is bad"],
    [`a\n${"x".repeat(101)}`, "line 2 of the body has more than 100 bytes"],
    ["1\n2\n3\n", "line 3 of the body is one message more than the method takes, which is 2"],
    [Buffer.from([0x61, 0xff, 0x0a]), "line 1 of the body is not UTF-8"],
  ])("end the call where one is wrong: %j", async (text, message) => {
    const { body, failed, counts } = rig({ linesMax: 2 });
    body.write(text);
    await ended(body);
    expect(failed).toEqual([expect.stringContaining(message)]);
    expect(counts.halfClosed).toBe(0);
  });

  it("are wanted where the method takes one message", async () => {
    const { body, failed } = rig({ linesMax: 1 });
    body.write("\n\n");
    await ended(body);
    expect(failed).toEqual([expect.stringContaining("holds no message, and the method takes one")]);
  });
});
