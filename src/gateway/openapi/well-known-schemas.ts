import { ScalarType } from "@bufbuild/protobuf";

import type { JsonSchema } from "./json-schema";
import { scalarSchema } from "./scalar-schemas";

/** Types that have a form of their own in protobuf JSON (protobuf.dev/programming-guides/json). */
const WELL_KNOWN: Readonly<Record<string, JsonSchema>> = {
  Timestamp: { type: "string", format: "date-time", examples: ["2026-01-31T08:30:00.125Z"] },
  Duration: { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$", examples: ["3.5s"] },
  FieldMask: { type: "string", description: "Paths of fields, separated by commas.", examples: ["name,spec.replicas"] },
  Struct: { type: "object" },
  Value: { description: "Any JSON." },
  ListValue: { type: "array", items: {} },
  Any: {
    type: "object",
    description:
      "Any message: its fields, and beside them its type. Types with a form of their own have it in `value`.",
    properties: { "@type": { type: "string", examples: ["type.googleapis.com/package.Message"] } },
  },
  Empty: { type: "object" },
  DoubleValue: scalarSchema(ScalarType.DOUBLE),
  FloatValue: scalarSchema(ScalarType.FLOAT),
  Int64Value: scalarSchema(ScalarType.INT64),
  UInt64Value: scalarSchema(ScalarType.UINT64),
  Int32Value: scalarSchema(ScalarType.INT32),
  UInt32Value: scalarSchema(ScalarType.UINT32),
  BoolValue: scalarSchema(ScalarType.BOOL),
  StringValue: scalarSchema(ScalarType.STRING),
  BytesValue: scalarSchema(ScalarType.BYTES),
};

/** @param typeName - "google.protobuf.Duration"; undefined for a message whose JSON is an object of its fields */
export function wellKnownSchema(typeName: string): JsonSchema | undefined {
  const name = /^google\.protobuf\.(\w+)$/.exec(typeName)?.[1];
  return name === undefined || !Object.hasOwn(WELL_KNOWN, name) ? undefined : WELL_KNOWN[name];
}
