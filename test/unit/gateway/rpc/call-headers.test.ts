import { CallMetadata } from "../../../../src/core/call-metadata";
import { messageOf } from "../../../../src/core/errors";
import { Status } from "../../../../src/core/status";
import {
  addMetadata,
  type AnswerHeaders,
  CONNECT_NAMING,
  metadataJson,
  PLAIN_NAMING,
} from "../../../../src/gateway/rpc/answer-metadata";
import { deadlineOf } from "../../../../src/gateway/rpc/call-deadline";
import { httpStatusOf } from "../../../../src/gateway/rpc/http-status";
import { requestMetadata } from "../../../../src/gateway/rpc/request-metadata";

function refusal(run: () => unknown): string {
  try {
    run();
    return "not refused";
  } catch (error) {
    return messageOf(error);
  }
}

describe("HTTP statuses", () => {
  it("are those of google.rpc.Code, for every status there is", () => {
    const expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
    expect(Object.values(Status).map(httpStatusOf)).toEqual(expected);
    expect(httpStatusOf(99)).toBe(500);
  });
});

describe("Deadlines in headers", () => {
  it("are gRPC's or Connect's, the shorter where there are both", () => {
    expect(deadlineOf({})).toBeUndefined();
    expect(deadlineOf({ "grpc-timeout": "2S" })).toBe(2_000);
    expect(deadlineOf({ "connect-timeout-ms": "0" })).toBe(0);
    expect(deadlineOf({ "grpc-timeout": "2S", "connect-timeout-ms": "1500" })).toBe(1_500);
  });

  it.each([
    [{ "grpc-timeout": "" }],
    [{ "grpc-timeout": "123456789S" }],
    [{ "grpc-timeout": "-1S" }],
    [{ "connect-timeout-ms": "1.5" }],
    [{ "connect-timeout-ms": "12345678901" }],
  ])("are refused as %j", (headers) => {
    expect(refusal(() => deadlineOf(headers))).toContain(`[INVALID_ARGUMENT] ${Object.keys(headers)[0]} is "`);
  });
});

describe("Metadata in headers of requests", () => {
  const HEADERS = {
    "host": "x",
    "user-agent": "curl",
    "content-type": "application/json",
    "cookie": "secret",
    "heddle-match": "zone=a",
    "heddle-director": "d2",
    "authorization": "Bearer t",
    "grpc-metadata-x-user": "eva",
    "grpc-metadata-x-bin": "AP8, AQ==",
    "grpc-metadata-grpc-timeout": "1S",
    "grpc-metadata-content-type": "text/plain",
    "grpc-timeout": "1S",
    "sec-fetch-mode": "cors",
    "x-custom": "plain",
  }; // prettier-ignore

  it("are those that say so, and never HTTP's own", () => {
    expect(requestMetadata(HEADERS, false).entries()).toEqual([
      ["heddle-match", "zone=a"],
      ["authorization", "Bearer t"],
      ["x-user", "eva"],
      ["x-bin", Buffer.from([0, 255])],
      ["x-bin", Buffer.from([1])],
    ]);
  });

  it("are all that is not HTTP's own where the client speaks Connect", () => {
    const keys = requestMetadata(HEADERS, true).entries().map(([key]) => key); // prettier-ignore
    expect(keys).toEqual(["heddle-match", "authorization", "x-user", "x-bin", "x-bin", "x-custom"]);
  });

  it("are the same object where there are none, so that what is made of it is made once", () => {
    expect(requestMetadata({ host: "a" }, false)).toBe(requestMetadata({ host: "b" }, false));
  });

  it.each([
    [{ "grpc-metadata-x-bin": "%" }, "its value is not base64"],
    [{ "grpc-metadata-x": "gr\u00fcn" }, "not printable ASCII"],
    [{ "grpc-metadata-": "x" }, "its name has characters"],
    [{ "grpc-metadata-a!": "x" }, "its name has characters"],
  ])("are refused as %j", (headers, why) => {
    const message = refusal(() => requestMetadata(headers, false));
    expect(message).toContain(Object.keys(headers)[0]!);
    expect(message).toContain(why);
  });
});

describe("Metadata in headers of answers", () => {
  const metadata = new CallMetadata();
  metadata.append("x-shelf", "1");
  metadata.append("x-shelf", "2");
  metadata.append("x-id-bin", Buffer.from([0, 255]));
  metadata.append("heddle-worker", "w1");
  metadata.append("content-length", "5");
  metadata.append("set-cookie", "a=b");
  metadata.append("x-odd", "line\r\nbreak: yes");
  metadata.append("grpc-status-details-bin", Buffer.from([8, 5]));

  function headersOf(name: (key: string) => string | undefined): AnswerHeaders {
    const headers: AnswerHeaders = {};
    addMetadata(headers, metadata, name);
    return headers;
  }

  it("are marked as what they are, but for Heddle's own", () => {
    expect(headersOf(PLAIN_NAMING.trailer)).toEqual({
      "grpc-trailer-x-shelf": ["1", "2"],
      "grpc-trailer-x-id-bin": "AP8",
      "heddle-worker": "w1",
      "grpc-trailer-content-length": "5",
      "grpc-trailer-set-cookie": "a=b",
    });
  });

  it("never change how a Connect client reads the answer", () => {
    expect(headersOf(CONNECT_NAMING.header)).toEqual({
      "x-shelf": ["1", "2"],
      "x-id-bin": "AP8",
      "heddle-worker": "w1",
    });
    expect(headersOf(CONNECT_NAMING.trailer)).toMatchObject({
      "trailer-x-shelf": ["1", "2"],
      "trailer-content-length": "5",
    });
  });

  it("are lists at the end of a stream", () => {
    expect(metadataJson(metadata)).toMatchObject({ "x-shelf": ["1", "2"], "x-id-bin": ["AP8"] });
  });
});
