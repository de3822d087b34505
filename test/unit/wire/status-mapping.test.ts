import { Metadata } from "@grpc/grpc-js";
import { CallError, ERRORS, FabricError, type ErrorCode } from "../../../src/core/errors";
import { endOfError } from "../../../src/core/call-end";
import { Status } from "../../../src/core/status";
import { toGrpcMetadata } from "../../../src/wire/metadata";
import { endOfHandlerError } from "../../../src/core/call-end";
import { endOfStatus } from "../../../src/wire/status-mapping";

const none = () => new Metadata();
/** Trailers as a peer sends them: the transport's own are among them. */
function fromPeer(entries: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries({ "content-type": "application/grpc", ...entries }))
    metadata.set(key, value);
  return metadata;
}

interface Case {
  readonly code: Status;
  readonly details: string;
  readonly metadata?: Metadata;
  readonly headersReceived?: boolean;
  readonly cancelledHere?: boolean;
}

const end = ({ code, details, metadata = none(), headersReceived = false, cancelledHere = false }: Case) =>
  endOfStatus({ code: code, details, metadata }, headersReceived, cancelledHere);

describe("The status of an outgoing call", () => {
  it.each<[string, Case, ErrorCode, Status]>([
    ["cancelled here", { code: Status.CANCELLED, details: "Cancelled on client", cancelledHere: true }, "CANCELLED", 1],
    [
      "a deadline that passed",
      { code: Status.DEADLINE_EXCEEDED, details: "Deadline exceeded" },
      "DEADLINE_EXCEEDED",
      4,
    ],
    [
      "no connection",
      { code: Status.UNAVAILABLE, details: "No connection established. Last error: …" },
      "WORKER_UNREACHABLE",
      14,
    ],
    [
      "a stream that the peer refused",
      { code: Status.UNAVAILABLE, details: "Stream refused by server" },
      "WORKER_UNREACHABLE",
      14,
    ],
    ["a connection that broke", { code: Status.UNAVAILABLE, details: "Connection dropped" }, "WORKER_LOST", 14],
    [
      "a connection that broke after headers",
      { code: Status.UNAVAILABLE, details: "Connection dropped", headersReceived: true },
      "WORKER_LOST",
      14,
    ],
    ["G8 a server that was shut down hard", { code: Status.CANCELLED, details: "Call cancelled" }, "WORKER_LOST", 14],
    [
      "a reset stream",
      { code: Status.INTERNAL, details: "Received RST_STREAM with code 2", headersReceived: true },
      "WORKER_LOST",
      14,
    ],
    [
      "a message over our limit",
      { code: Status.RESOURCE_EXHAUSTED, details: "Received message larger than max (9 vs. 5)", headersReceived: true },
      "MESSAGE_TOO_LARGE",
      8,
    ],
    [
      "a message over the peer's limit",
      { code: Status.RESOURCE_EXHAUSTED, details: "Received message larger than max (9 vs. 5)", metadata: fromPeer() },
      "MESSAGE_TOO_LARGE",
      8,
    ],
    [
      "a message over our own sending limit",
      { code: Status.RESOURCE_EXHAUSTED, details: "Attempted to send message with a size larger than 5" },
      "MESSAGE_TOO_LARGE",
      8,
    ],
    [
      "a status of the worker's handler",
      { code: Status.NOT_FOUND, details: "no cart", metadata: fromPeer() },
      "REMOTE",
      5,
    ],
    [
      "CANCELLED that the worker's handler chose",
      { code: Status.CANCELLED, details: "changed my mind", metadata: fromPeer() },
      "REMOTE",
      1,
    ],
    [
      "an error of the fabric",
      {
        code: Status.UNAVAILABLE,
        details: "[WORKER_DRAINING] w1 leaves",
        metadata: fromPeer({ "heddle-error": "WORKER_DRAINING" }),
      },
      "WORKER_DRAINING",
      14,
    ],
    [
      "an error that a newer fabric has",
      { code: Status.ABORTED, details: "x", metadata: fromPeer({ "heddle-error": "NEW_ONE" }) },
      "REMOTE",
      10,
    ],
    [
      "an error named like a property of objects",
      { code: Status.ABORTED, details: "x", metadata: fromPeer({ "heddle-error": "constructor" }) },
      "REMOTE",
      10,
    ],
  ])("%s", (_what, given, code, status) => {
    const { error, status: seen } = end(given);
    expect([error?.code, seen, error?.status]).toEqual([code, status, status]);
  });

  it("is no error when it is OK", () => {
    expect(end({ code: Status.OK, details: "" })).toMatchObject({ status: 0, message: "" });
    expect(end({ code: Status.OK, details: "" }).error).toBeUndefined();
  });

  it("every error of the fabric arrives as itself, with its message once", () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    const arrived = codes.map((code) => {
      const { status, message, trailers } = endOfError(new FabricError(code, "what happened"));
      const metadata = toGrpcMetadata(trailers);
      metadata.set("content-type", "application/grpc");
      return end({ code: status, details: message, metadata }).error;
    });
    expect(arrived.map((error) => error?.code)).toEqual(codes);
    expect(arrived.map((error) => error?.message)).toEqual(codes.map((code) => `[${code}] what happened`));
    expect(arrived.map((error) => error?.status)).toEqual(codes.map((code) => ERRORS[code].status));
  });

  it("keeps trailers, without what the transport added", () => {
    const { trailers } = end({ code: Status.NOT_FOUND, details: "", metadata: fromPeer({ "x-cost": "3" }) });
    expect(trailers.entries()).toEqual([["x-cost", "3"]]);
  });
});

describe("What a handler threw", () => {
  it.each([
    ["a CallError", new CallError(Status.NOT_FOUND, "no cart"), Status.NOT_FOUND, "no cart", undefined],
    ["an Error", new Error("boom"), Status.INTERNAL, "[HANDLER_FAILED] boom", "HANDLER_FAILED"],
    ["a string", "boom", Status.INTERNAL, "[HANDLER_FAILED] boom", "HANDLER_FAILED"],
    [
      "an error of the fabric, which is not the caller's to retry",
      new FabricError("WORKER_UNREACHABLE", "its own worker"),
      Status.INTERNAL,
      "[HANDLER_FAILED] [WORKER_UNREACHABLE] its own worker",
      "HANDLER_FAILED",
    ],
  ])("%s", (_what, thrown, status, message, code) => {
    const { trailers, ...rest } = endOfHandlerError(thrown);
    expect([rest, trailers.text("heddle-error")]).toEqual([{ status, message }, code]);
  });
});
