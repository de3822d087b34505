import { ScalarType, type DescEnum, type DescField, type DescMessage, type DescMethod } from "@bufbuild/protobuf";

import type { JsonValue } from "./json-text";

/** Messages that are written out for one method; a contract may be as large as it likes. */
const TYPES_MAX = 40;
/** Levels of messages in a template. */
const DEPTH_MAX = 3;

/** A method and the types that it needs as a .proto file would have them, without comments. */
export function schemaText(method: DescMethod): string {
  const types = typesOf(method);
  const { input, output, methodKind } = method;
  const request = methodKind === "client_streaming" || methodKind === "bidi_streaming" ? "stream " : "";
  const answer = methodKind === "server_streaming" || methodKind === "bidi_streaming" ? "stream " : "";
  const head = `rpc ${method.name}(${request}${input.typeName}) returns (${answer}${output.typeName});`;
  const more = types.size >= TYPES_MAX ? ["// … and more types"] : [];
  return [head, ...[...types].map(typeText), ...more].join("\n\n");
}

type DescType = DescMessage | DescEnum;

/** In the order in which they are met; `google.protobuf` types are known to everybody. */
function typesOf({ input, output }: DescMethod): Set<DescType> {
  const types = new Set<DescType>([input, output].filter((type) => !isWellKnown(type)));
  for (const type of types) {
    if (type.kind === "enum") continue;
    for (const field of type.fields) {
      const used = field.message ?? field.enum;
      if (used && !isWellKnown(used) && types.size < TYPES_MAX) types.add(used);
    }
  }
  return types;
}

function isWellKnown({ typeName }: DescType): boolean {
  return typeName.startsWith("google.protobuf.");
}

function typeText(type: DescType): string {
  if (type.kind === "enum") {
    const values = type.values.map(({ name, number }) => `  ${name} = ${number};`);
    return [`enum ${type.typeName} {`, ...values, "}"].join("\n");
  }
  const members = type.members.flatMap((member) =>
    member.kind === "field"
      ? [`  ${fieldText(member)}`]
      : [`  oneof ${member.name} {`, ...member.fields.map((field) => `    ${fieldText(field)}`), "  }"],
  );
  return members.length === 0
    ? `message ${type.typeName} {}`
    : [`message ${type.typeName} {`, ...members, "}"].join("\n");
}

function fieldText(field: DescField): string {
  const optional = field.proto.proto3Optional ? "optional " : "";
  return `${optional}${typeNameOf(field)} ${field.name} = ${field.number};`;
}

function typeNameOf(field: DescField): string {
  const single = () => field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar);
  if (field.fieldKind === "list") return `repeated ${single()}`;
  return field.fieldKind === "map" ? `map<${scalarName(field.mapKey)}, ${single()}>` : single();
}

function scalarName(scalar: ScalarType | undefined): string {
  return scalar === undefined ? "unknown" : ScalarType[scalar].toLowerCase();
}

/** A message with every field, to be filled in: of each oneof the first, of lists and maps one entry. */
export function templateOf(type: DescMessage, depth = 0): JsonValue {
  const known = WELL_KNOWN[type.typeName];
  if (known !== undefined) return known;
  if (depth >= DEPTH_MAX) return {};
  const fields = type.members.flatMap((member) => (member.kind === "field" ? [member] : member.fields.slice(0, 1)));
  return Object.fromEntries(fields.map((field) => [field.jsonName, templateOfField(field, depth)]));
}

function templateOfField(field: DescField, depth: number): JsonValue {
  const single = (): JsonValue => {
    if (field.message) return templateOf(field.message, depth + 1);
    if (field.enum) return field.enum.values[0]?.name ?? 0;
    return scalarTemplate(field.scalar);
  };
  if (field.fieldKind === "list") return [single()];
  if (field.fieldKind !== "map") return single();
  const isText = field.mapKey === ScalarType.STRING;
  return { [isText ? "key" : String(scalarTemplate(field.mapKey))]: single() };
}

const QUOTED_INTEGERS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

function scalarTemplate(scalar: ScalarType | undefined): JsonValue {
  if (scalar === ScalarType.BOOL) return false;
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return "";
  return scalar !== undefined && QUOTED_INTEGERS.has(scalar) ? "0" : 0;
}

/** Types whose JSON is their own (protobuf.dev/programming-guides/json). */
const WELL_KNOWN: Readonly<Record<string, JsonValue>> = {
  "google.protobuf.Timestamp": "2030-01-01T00:00:00Z",
  "google.protobuf.Duration": "1s",
  "google.protobuf.FieldMask": "",
  "google.protobuf.Struct": {},
  "google.protobuf.Value": null,
  "google.protobuf.ListValue": [],
  "google.protobuf.Any": { "@type": "" },
  "google.protobuf.Empty": {},
  "google.protobuf.DoubleValue": 0,
  "google.protobuf.FloatValue": 0,
  "google.protobuf.Int64Value": "0",
  "google.protobuf.UInt64Value": "0",
  "google.protobuf.Int32Value": 0,
  "google.protobuf.UInt32Value": 0,
  "google.protobuf.BoolValue": false,
  "google.protobuf.StringValue": "",
  "google.protobuf.BytesValue": "",
};
