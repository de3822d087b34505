import { join } from "node:path";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { FabricError } from "../../../src/core/errors";
import { DescriptorCatalog } from "../../../src/wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../../../src/wire/descriptor-contract";
import { descriptorSetHash } from "../../../src/wire/descriptor-set";
import { JsonCodecs, type JsonValue, type MessageJson } from "../../../src/wire/json-codec";
import { loadProtoContract } from "../../../src/wire/proto-contract";
import { descriptorSetBytes, serviceFile, stringField } from "./descriptor-fixtures";

const { descriptorSet } = loadProtoContract({ files: [join(__dirname, "../../support/gateway/catalogue.proto")] });
const codecs = JsonCodecs.ofDescriptors(descriptorSet);
const everything = codecs.method("/catalogue.v1.Catalogue/Echo")!.request;
const part = codecs.method("/catalogue.v1.Catalogue/Count")!.request;

function through(codec: MessageJson, json: JsonValue): JsonValue {
  return codec.decode(codec.encode(json));
}

function refusal(run: () => unknown): string {
  try {
    run();
    return "not refused";
  } catch (error) {
    return error instanceof FabricError ? error.message : `no FabricError: ${String(error)}`;
  }
}

function textRefusal(codec: MessageJson, text: string): string {
  return refusal(() => codec.encodeText(text));
}

describe("JSON of a message", () => {
  it("is canonical protobuf JSON, and gives back what it was given", () => {
    const json = {
      displayName: "Grüße",
      count: -5,
      big: "18446744073709551615",
      signed: "-9223372036854775808",
      ok: true,
      tags: ["a", ""],
      payload: "AAECAw==",
      ratio: "NaN",
      small: 1.5,
      colour: "COLOUR_RED",
      part: { partId: "p", inner: {} },
      parts: [{ weight: "7" }, {}],
      byName: { "a.b": { partId: "x" }, __proto__x: {} },
      byNumber: { "-3": "minus three" },
      at: "2026-11-21T15:00:00.000000001Z",
      took: "3.500s",
      mask: "displayName,part.partId",
      structure: { nested: [1, null, "x", { deep: true }] },
      value: null,
      any: { "@type": "type.googleapis.com/catalogue.v1.Part", partId: "inside" },
      wrapped: "",
      wrappedBig: "12345678901234567890",
      right: { partId: "r" },
      maybe: 0,
    };
    expect(through(everything, json)).toEqual(json);
  });

  it("takes the names of the .proto file, numbers as text, URL-safe base64 and enum numbers", () => {
    expect(
      through(everything, {
        display_name: "a",
        count: "5",
        big: 5,
        payload: "_-8",
        colour: 1,
        by_number: { "01": "x" },
      }),
    ).toEqual({ displayName: "a", count: 5, big: "5", payload: "/+8=", colour: "COLOUR_RED", byNumber: { "1": "x" } });
  });

  it("leaves fields of default value out, or writes them when asked", () => {
    const bytes = part.encode({ partId: "", weight: 0 });
    expect(part.decode(bytes)).toEqual({});
    expect(part.decode(bytes, { emitDefaults: true })).toEqual({ partId: "", weight: "0", sizes: [], ratio: 0 });
  });

  it("passes unknown fields over in what a worker answers", () => {
    const newer = new BinaryWriter().tag(999, WireType.LengthDelimited).string("new");
    newer.tag(1, WireType.LengthDelimited).string("p");
    expect(part.decode(newer.finish())).toEqual({ partId: "p" });
  });

  it("refuses unknown fields in requests unless asked to pass them over", () => {
    expect(textRefusal(part, '{"inner":{"colour":1}}')).toBe(
      '[INVALID_ARGUMENT] inner.colour (in catalogue.v1.Part): unknown field "colour": catalogue.v1.Part has the fields partId, weight, inner, sizes, took, ratio',
    );
    expect(part.decode(part.encodeText('{"inner":{"colour":1}}', { ignoreUnknownFields: true }))).toEqual({
      inner: {},
    });
  });

  it.each([
    ["a wrong type", '{"displayName":5}', "displayName (in catalogue.v1.Everything): expected string, got 5"],
    ["a wrong type deep inside", '{"parts":[{},{"inner":{"sizes":[1,-1]}}]}', "parts[1].inner.sizes[1] (in"],
    ["a wrong map value", '{"byName":{"a":{},"b":{"partId":1}}}', 'byName["b"].partId (in'],
    ["a wrong map key", '{"byNumber":{"x":"a"}}', 'byNumber["x"] (in'],
    ["an array for a message", '{"part":[]}', "part (in catalogue.v1.Everything): an object with the fields of"],
    ["text for the whole", '"hello"', "catalogue.v1.Everything: an object with the fields of"],
    ["an integer over its range", '{"count":2147483648}', "count (in"],
    ["an integer over 64 bits", '{"big":18446744073709551616}', "big (in"],
    ["a negative unsigned", '{"big":"-1"}', "big (in"],
    ["a fraction for an integer", '{"count":1.5}', "count (in"],
    ["a double without end", '{"ratio":1e999}', "ratio (in"],
    ["a float over its range", '{"small":1e300}', "small (in"],
    ["bytes that are no base64", '{"payload":"**"}', "payload (in"],
    ["an enum value that there is not", '{"colour":"BLUE"}', "colour (in"],
    ["half a surrogate pair", '{"displayName":"\\ud800"}', "displayName (in"],
    [
      "both of a oneof",
      '{"left":"a","right":{}}',
      'right (in catalogue.v1.Everything): only one field of the oneof choice may be set, and "left" is',
    ],
    [
      "two spellings of a field",
      '{"displayName":"a","display_name":"b"}',
      'display_name (in catalogue.v1.Everything): it is the same field as "displayName"',
    ],
    [
      "a key twice",
      '{"part":{"partId":"a","partId":"b"}}',
      'the key "partId" comes twice in one object, at position 22',
    ],
    ["a key twice, once escaped", '{"count":1,"\\u0063ount":2}', 'the key "count" comes twice'],
    ["a duration with more than nanoseconds", '{"took":"1.1234567891s"}', "took (in catalogue.v1.Everything):"],
    [
      "a day that there is not",
      '{"at":"2026-13-01T00:00:00Z"}',
      'at (in catalogue.v1.Everything): "2026-13-01T00:00:00Z" is no',
    ],
    ["an Any of an unknown type", '{"any":{"@type":"x/no.Such"}}', "any (in"],
    ["a null in a list", '{"tags":[null]}', "tags[0] (in"],
    ["no JSON", "{bad", "it is no JSON"],
    ["no text at all", "", "it is no JSON"],
    ["a key that means something in JavaScript", '{"__proto__":{"displayName":"x"}}', "__proto__ (in"],
  ])("refuses %s and says where", (_what, text, where) => {
    const message = textRefusal(everything, text);
    expect(message).toContain("[INVALID_ARGUMENT] ");
    expect(message).toContain(where);
  });

  it("refuses what is nested too deep, whatever the depth, and says so in a short message", () => {
    for (const depth of [101, 100_000]) {
      const text = `${'{"inner":'.repeat(depth)}{}${"}".repeat(depth)}`;
      const message = textRefusal(part, text);
      expect(message).toContain("nested more than 100 deep");
      expect(message.length).toBeLessThan(600);
    }
    const list = `{"value":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect(textRefusal(everything, list)).toContain("nested more than 100 deep");
  });

  it("takes integers over 2^53 exactly, though JSON numbers are not", () => {
    const text =
      '{"weight":18446744073709551615,"partId":"9007199254740993, 9007199254740993","ratio":100000000000000000000}';
    expect(part.decode(part.encodeText(text))).toEqual({
      weight: "18446744073709551615",
      partId: "9007199254740993, 9007199254740993",
      ratio: 1e20,
    });
    // Where the number might be a google.protobuf.Value, a string would be something else.
    expect(textRefusal(everything, '{"big":9007199254740993}')).toContain("write it as a string for a 64-bit field");
    expect(
      everything.decode(everything.encodeText('{"value":9007199254740992.0,"displayName":"9007199254740993"}')),
    ).toEqual({
      value: 9007199254740992,
      displayName: "9007199254740993",
    });
  });

  it("says what cannot be shown of an answer", () => {
    expect(refusal(() => part.decode(Uint8Array.of(0xff)))).toContain(
      "[REMOTE] a message of catalogue.v1.Part cannot be shown",
    );
    const any = new BinaryWriter().tag(20, WireType.LengthDelimited);
    any.bytes(new BinaryWriter().tag(1, WireType.LengthDelimited).string("x/no.Such").finish());
    expect(refusal(() => everything.decode(any.finish()))).toContain("import the file that declares it");
  });

  it("never lets anything but INVALID_ARGUMENT out, whatever JSON it is given", () => {
    const names = everything.type.fields.map(({ jsonName }) => jsonName);
    const value = fc.jsonValue({ maxDepth: 3 });
    const message = fc.dictionary(fc.constantFrom(...names, "partId", "inner", "@type"), value, { maxKeys: 3 });
    fc.assert(
      fc.property(fc.oneof(message, value), (json) => {
        const outcome = refusal(() => everything.encodeText(JSON.stringify(json)));
        expect(outcome).toMatch(/^(not refused$|\[INVALID_ARGUMENT\] )/);
      }),
      { numRuns: 300 },
    );
  });

  it("parses text as JSON.parse does where no key comes twice and no number is large", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (json, indent) => {
        const text = JSON.stringify({ value: json }, undefined, indent);
        fc.pre(!/\d{16}/.test(text));
        // Not the value itself: text has no -0.
        expect(everything.encodeText(text)).toEqual(everything.encode(JSON.parse(text) as JsonValue));
      }),
      { numRuns: 200 },
    );
  });
});

describe("Codecs of methods", () => {
  const path = "/api.Api/Call";

  function version(...fields: string[]): Uint8Array {
    return descriptorSetBytes(
      serviceFile("api.proto", "api", { fields: fields.map((name, index) => stringField(name, index + 1)) }),
    );
  }

  function add(catalog: DescriptorCatalog, bytes: Uint8Array): string {
    const hash = descriptorSetHash(bytes);
    catalog.add(hash, bytes);
    return hash;
  }

  it("are those of the newest contract that is served, and follow as workers come and go", () => {
    const catalog = new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES));
    const live = JsonCodecs.ofCatalog(catalog);
    expect(live.method(path)).toBeUndefined();
    const old = add(catalog, version("a_name"));
    catalog.sync([{ descriptorSetHash: old, services: ["api.Api"] }]);
    const first = live.method(path)!;
    expect(first.request.decode(first.request.encode({ aName: "x" }))).toEqual({ aName: "x" });
    expect(live.method(path)).toBe(first);
    const newer = add(catalog, version("a_name", "b_name"));
    catalog.sync([old, newer].map((descriptorSetHash) => ({ descriptorSetHash, services: ["api.Api"] })));
    const second = live.method(path)!;
    expect(second.request.decode(second.request.encode({ bName: "x" }))).toEqual({ bName: "x" });
    catalog.sync([{ descriptorSetHash: old, services: ["api.Api"] }]);
    expect(refusal(() => live.method(path)!.request.encode({ bName: "x" }))).toContain('unknown field "bName"');
    catalog.sync([]);
    expect(live.method(path)).toBeUndefined();
  });

  it("keep what was made of a contract while other contracts come and go", () => {
    const catalog = new DescriptorCatalog();
    const live = JsonCodecs.ofCatalog(catalog);
    const own = add(catalog, version("a_name"));
    const made = live.method(path);
    const other = add(catalog, descriptorSetBytes(serviceFile("other.proto", "other")));
    expect(live.method(path)).toBe(made);
    expect(live.method("/other.Api/Call")).toBeDefined();
    catalog.remove(other);
    expect(live.method("/other.Api/Call")).toBeUndefined();
    expect(live.method(path)).toBe(made);
    catalog.remove(own);
    expect(live.method(path)).toBeUndefined();
  });

  it("are of the contract of the members that serve it, not of one that only mentions it", () => {
    const catalog = new DescriptorCatalog();
    const live = JsonCodecs.ofCatalog(catalog);
    const served = add(catalog, version("a_name"));
    const mentioned = add(catalog, version("a_name", "b_name"));
    catalog.sync([
      { descriptorSetHash: served, services: ["api.Api"] },
      { descriptorSetHash: mentioned, services: ["other.Api"] },
    ]);
    expect(live.method(path)!.request.type.fields).toHaveLength(1);
  });

  it("are there for the director's own methods", () => {
    const live = JsonCodecs.ofCatalog(new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES)));
    const { request } = live.method("/heddle.v1.DirectorService/ListMembers")!;
    expect(request.decode(request.encode({}))).toEqual({});
    expect(live.method("/heddle.v1.DirectorService/Nothing")).toBeUndefined();
    expect(live.method("heddle.v1.DirectorService.ListMembers")).toBeUndefined();
    expect(live.method("")).toBeUndefined();
  });
});
