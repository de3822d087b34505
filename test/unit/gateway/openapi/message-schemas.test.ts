import { join } from "node:path";

import fc from "fast-check";

import { MessageSchemas } from "../../../../src/gateway/openapi/message-schemas";
import { JsonCodecs, type JsonValue } from "../../../../src/wire/json-codec";
import { loadProtoContract } from "../../../../src/wire/proto-contract";
import { jsonSchemaValidator } from "../../../support/http/openapi-rules";
import { fromSchema } from "../../../support/rest-fuzz/from-schema";

const { descriptorSet } = loadProtoContract({ files: [join(__dirname, "../../../support/gateway/catalogue.proto")] });
const { request: codec, method } = JsonCodecs.ofDescriptors(descriptorSet).method("/catalogue.v1.Catalogue/Echo")!;

function validator(schemas: MessageSchemas, schema: object): (value: unknown) => string {
  const ajv = jsonSchemaValidator();
  const check = ajv.compile({ ...schema, components: { schemas: schemas.components } });
  return (value) => (check(value) ? "valid" : ajv.errorsText(check.errors));
}

describe("The schema of a message", () => {
  const schemas = new MessageSchemas();
  const schema = schemas.message(method.input);
  const verdict = validator(schemas, schema);

  it("allows what the codec writes", () => {
    const json = {
      count: -5,
      big: "18446744073709551615",
      payload: "AAECAw==",
      ratio: "-Infinity",
      colour: "COLOUR_RED",
      byNumber: { "-3": "minus three" },
      at: "2026-11-21T15:00:00.000000001Z",
      took: "3.500s",
      structure: { nested: [1, null] },
      any: { "@type": "type.googleapis.com/catalogue.v1.Part", partId: "inside" },
      wrappedBig: "12345678901234567890",
    };
    expect(verdict(codec.decode(codec.encode(json)))).toBe("valid");
    expect(verdict(codec.decode(codec.encode(json), { emitDefaults: true }))).toBe("valid");
  });

  it.each([
    ["a number where 64 bits are a string", { big: 5 }],
    ["more than 32 bits", { count: 2 ** 40 }],
    ["a value that the enum lacks", { colour: "COLOUR_OF_NOTHING" }],
    ["a key that is no number", { byNumber: { x: "" } }],
    ["a duration without its unit", { took: "3.5" }],
    ["an array where there is one", { part: [] }],
    ["text where there is a list", { tags: "a" }],
  ])("does not allow %s", (_name, json) => expect(verdict(json)).not.toBe("valid"));

  it("allows nothing that the codec refuses, whatever it makes of it", () => {
    const wellKnown = (value: unknown) => JSON.stringify(value).includes("@type");
    const values = fromSchema(schema, schemas.components).filter(
      (value) => verdict(value) === "valid" && !wellKnown(value),
    );
    fc.assert(
      fc.property(values, (value) => {
        // Patterns say less than the types: whether a number fits 64 bits, a date is one, a duration is not too long.
        const refusal = refusalOf(value as JsonValue);
        expect(refusal).toMatch(/^(taken|.*(out of range|64|Timestamp|Duration|FieldMask|mask|Infinity|float).*)$/s);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

function refusalOf(json: JsonValue): string {
  try {
    codec.encode(json);
    return "taken";
  } catch (error) {
    return (error as Error).message;
  }
}
