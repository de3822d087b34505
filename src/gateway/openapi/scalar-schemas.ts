import { ScalarType } from "@bufbuild/protobuf";

import type { JsonSchema } from "./json-schema";

const signed = (format: string): JsonSchema => ({ type: "string", format, pattern: "^-?[0-9]+$" });
const unsigned = (format: string): JsonSchema => ({ type: "string", format, pattern: "^[0-9]+$" });

const INT32: JsonSchema = { type: "integer", format: "int32", minimum: -2_147_483_648, maximum: 2_147_483_647 };
const UINT32: JsonSchema = { type: "integer", format: "uint32", minimum: 0, maximum: 4_294_967_295 };
// JSON has 53 bits exactly, so these are strings.
const INT64 = signed("int64");
const UINT64 = unsigned("uint64");
const floating = (format: string): JsonSchema => ({
  anyOf: [
    { type: "number", format },
    { type: "string", enum: ["NaN", "Infinity", "-Infinity"] },
  ],
});

const SCALARS: Readonly<Record<ScalarType, JsonSchema>> = {
  [ScalarType.DOUBLE]: floating("double"),
  [ScalarType.FLOAT]: floating("float"),
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: UINT64,
  [ScalarType.FIXED64]: UINT64,
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BYTES]: { type: "string", format: "byte", contentEncoding: "base64" },
};

/** A scalar as canonical protobuf JSON writes it. */
export function scalarSchema(type: ScalarType): JsonSchema {
  return SCALARS[type];
}

const KEY_PATTERNS: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.BOOL]: "^(true|false)$",
  [ScalarType.STRING]: "",
};

/** Keys of a map, which JSON has as strings only; undefined where any string is one. */
export function mapKeySchema(type: ScalarType): JsonSchema | undefined {
  const pattern =
    KEY_PATTERNS[type] ?? ("minimum" in SCALARS[type] && SCALARS[type].minimum === 0 ? "^[0-9]+$" : "^-?[0-9]+$");
  return pattern === "" ? undefined : { pattern };
}
