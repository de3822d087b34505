import { CallMetadata } from "../../../src/core/call-metadata";
import { fromGrpcMetadata, toGrpcMetadata } from "../../../src/wire/metadata";

const roundTrip = (metadata: CallMetadata) => fromGrpcMetadata(toGrpcMetadata(metadata)).entries();

describe("Metadata on the wire", () => {
  it("carries text, bytes and repeated keys", () => {
    const metadata = CallMetadata.of({ a: "1", "b-bin": new Uint8Array([0, 255, 10]) });
    metadata.append("a", "2");
    expect(roundTrip(metadata)).toEqual([
      ["a", "1"],
      ["a", "2"],
      ["b-bin", Buffer.from([0, 255, 10])],
    ]);
  });

  it.each<[string, string, string | Uint8Array]>([
    ["a value that is not ASCII", "name", "Jürgen"],
    ["a value with a line break", "name", "a\nb"],
    ["text under a binary key", "name-bin", "text"],
    ["bytes under a text key", "name", new Uint8Array([1])],
    ["a key with a space", "a b", "1"],
    ["an empty key", "", "1"],
  ])("leaves out %s, and sends the rest", (_what, key, value) => {
    const metadata = CallMetadata.of({ [key]: value, good: "1" });
    expect(roundTrip(metadata)).toEqual([["good", "1"]]);
  });

  it("drops what belongs to the transport of the hop it came over", () => {
    const hop = { "content-type": "application/grpc", te: "trailers", "user-agent": "grpcurl", "grpc-timeout": "1S" };
    expect(roundTrip(CallMetadata.of({ ...hop, "grpc-accept-encoding": "gzip", traceparent: "00-1-2-00" }))).toEqual([
      ["traceparent", "00-1-2-00"],
    ]);
  });
});
