import { CallMetadata } from "../../../src/core/call-metadata";
import { Status } from "../../../src/core/status";
import type { HeaderList } from "../../../src/http2/header-list";
import { headOf, trailersOf, trailersOnlyOf } from "../../../src/rpc/framing/answer-shapes";
import { RequestHeads } from "../../../src/rpc/framing/request-shapes";

const ASKED = [":method", "POST", ":scheme", "http", ":path", "/a.B/C", ":authority", "w1:7000", "te", "trailers"];
const GRPC = ["content-type", "application/grpc"];
const fieldsOf = (list: HeaderList) => [...list.fields];

describe("Heads of requests", () => {
  it("are the same list for calls that share their metadata, whose fields come after the timeout", () => {
    const heads = new RequestHeads("w1:7000", "http");
    const metadata = CallMetadata.of({ a: "1" });
    const first = heads.of({ path: "/a.B/C", metadata });
    expect(fieldsOf(first)).toEqual([...ASKED, ...GRPC, "a", "1"]);
    expect(heads.of({ path: "/a.B/C", metadata })).toBe(first);
    const timed = heads.of({ path: "/a.B/C", metadata, timeoutMs: 1_500 });
    expect(fieldsOf(timed)).toEqual([...ASKED, "grpc-timeout", "1500m", ...GRPC, "a", "1"]);
    expect(heads.of({ path: "/a.B/C", metadata })).toBe(first);
  });

  it("are the same list for metadata that say the same, also when others come between", () => {
    const heads = new RequestHeads("w1:7000", "http");
    const of = (token: string) => heads.of({ path: "/a.B/C", metadata: CallMetadata.of({ token, a: "1" }) });
    const [first, second] = [of("x"), of("y")];
    expect([of("x"), of("y"), of("x")]).toEqual([first, second, first]);
    expect(of("x")).toBe(first);
    expect([first.get("token"), second.get("token")]).toEqual(["x", "y"]);
  });

  it("with secrets are made anew for each call", () => {
    const heads = new RequestHeads("w1:7000", "http");
    const metadata = CallMetadata.of({ token: "x" });
    metadata.markSensitive("token");
    const lists = [0, 1].map(() => heads.of({ path: "/a.B/C", metadata }));
    expect(lists[0]).not.toBe(lists[1]);
    expect(lists.map(({ fields, neverIndexed }) => neverIndexed.map((at) => fields[at]))).toEqual([
      ["token"],
      ["token"],
    ]);
  });

  it.each([
    ["a line feed", "a", "1\nx: 2"],
    ["a carriage return", "a", "1\r"],
    ["a zero octet", "a", "1\0"],
    ["a blank at an end", "a", " 1"],
    ["a character that no octet holds", "a", "\u20ac"],
    ["a key in which a blank is", "a b", "1"],
    ["a pseudo-header's key", ":path", "/c.D/E"],
  ])("leave out metadata with %s, and nothing else", (_what, key, value) => {
    const heads = new RequestHeads("w1:7000", "http");
    const metadata = CallMetadata.of({ [key]: value, kept: "yes" });
    expect(fieldsOf(heads.of({ path: "/a.B/C", metadata }))).toEqual([...ASKED, ...GRPC, "kept", "yes"]);
  });

  it("are told apart by their path", () => {
    const heads = new RequestHeads("w1:7000", "http");
    const metadata = CallMetadata.of({ a: "1" });
    const paths = ["/a.B/C", "/a.B/D", "/a.B/C"].map((path) => heads.of({ path, metadata }).get(":path"));
    expect(paths).toEqual(["/a.B/C", "/a.B/D", "/a.B/C"]);
  });

  it("are right for any number of different metadata, in turn", () => {
    const heads = new RequestHeads("w1:7000", "http");
    const all = Array.from({ length: 100 }, (_, index) => CallMetadata.of({ a: String(index) }));
    const seen = [...all, ...all].map((metadata) => heads.of({ path: "/a.B/C", metadata }).get("a"));
    expect(seen).toEqual([...all, ...all].map((metadata) => metadata.text("a")));
  });
});

describe("Ends of answers", () => {
  it("that share their trailers are told apart by status and message", () => {
    const trailers = CallMetadata.of({ "x-cost": "3" });
    const ends = [
      { status: Status.OK, message: "", trailers },
      { status: Status.ABORTED, message: "", trailers },
      { status: Status.ABORTED, message: "changed", trailers },
    ];
    const expected = [
      ["grpc-status", "0", "x-cost", "3"],
      ["grpc-status", "10", "x-cost", "3"],
      ["grpc-status", "10", "grpc-message", "changed", "x-cost", "3"],
    ];
    expect([...ends, ...ends].map((end) => fieldsOf(trailersOf(end)))).toEqual([...expected, ...expected]);
    expect(trailersOf(ends[2]!)).toBe(trailersOf(ends[2]!));
  });

  it("are made anew when the trailers have changed", () => {
    const trailers = CallMetadata.of({ "x-cost": "3" });
    const end = { status: Status.OK, message: "", trailers };
    trailersOf(end);
    trailers.set("x-cost", "4");
    expect(fieldsOf(trailersOf(end))).toEqual(["grpc-status", "0", "x-cost", "4"]);
  });

  it("without messages are one block with the head", () => {
    const end = { status: Status.NOT_FOUND, message: "no such thing", trailers: new CallMetadata() };
    expect(fieldsOf(trailersOnlyOf("application/grpc+json", end))).toEqual([
      ...[":status", "200", "content-type", "application/grpc+json"],
      ...["grpc-status", "5", "grpc-message", "no such thing"],
    ]);
  });
});

describe("Heads of answers", () => {
  it("take the call's content type where the metadata names none", () => {
    const metadata = CallMetadata.of({ a: "1" });
    const types = ["application/grpc", "application/grpc+proto", "application/grpc"].map((contentType) =>
      headOf(contentType, metadata).get("content-type"),
    );
    expect(types).toEqual(["application/grpc", "application/grpc+proto", "application/grpc"]);
    expect(headOf("application/grpc", metadata)).toBe(headOf("application/grpc", metadata));
    const named = CallMetadata.of({ "content-type": "application/grpc+json" });
    expect(headOf("application/grpc", named).get("content-type")).toBe("application/grpc+json");
  });
});
