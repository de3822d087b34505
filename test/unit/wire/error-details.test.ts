import { createFileRegistry } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { errorDetails } from "../../../src/wire/error-details";

const NONE = createFileRegistry();

const field = (number: number, value: string | Uint8Array) =>
  new BinaryWriter()
    .tag(number, WireType.LengthDelimited)
    .bytes(typeof value === "string" ? Buffer.from(value) : value)
    .finish();
const message = (...fields: Uint8Array[]) => Buffer.concat(fields);
const any = (typeName: string, value: Uint8Array) =>
  field(3, message(field(1, `type.googleapis.com/${typeName}`), field(2, value)));

describe("Details of an error", () => {
  it("of google.rpc are shown by their fields, whether or not the contract has them", () => {
    const status = message(
      field(2, "no"),
      any("google.rpc.ErrorInfo", message(field(1, "QUOTA"), field(3, message(field(1, "k"), field(2, "v"))))),
      any("google.rpc.BadRequest", field(1, message(field(1, "name"), field(2, "is empty")))),
      any("google.rpc.RetryInfo", field(1, new BinaryWriter().tag(1, WireType.Varint).int64(3).finish())),
    );
    expect(errorDetails(status, NONE)).toEqual([
      { "@type": "google.rpc.ErrorInfo", reason: "QUOTA", metadata: { k: "v" } },
      { "@type": "google.rpc.BadRequest", fieldViolations: [{ field: "name", description: "is empty" }] },
      { "@type": "google.rpc.RetryInfo", retryDelay: "3s" },
    ]);
  });

  it("of an unknown type, or broken, keep their bytes", () => {
    expect(errorDetails(any("a.B", Uint8Array.of(1, 2)), NONE)).toEqual([{ "@type": "a.B", value: "AQI=" }]);
    expect(errorDetails(any("google.rpc.Help", Uint8Array.of(255)), NONE)).toEqual([
      { "@type": "google.rpc.Help", value: "/w==" },
    ]);
    expect(errorDetails(Uint8Array.of(255, 255), NONE)).toEqual([]);
  });
});
