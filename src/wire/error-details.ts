import { fromBinary, toJson, type FileRegistry } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { AnySchema, DurationSchema, type Any } from "@bufbuild/protobuf/wkt";

import type { JsonValue } from "./json-text";

/** The trailer in which servers give details of an error: a serialized google.rpc.Status (grpc.io/docs/guides/error/). */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

/** What a field of google.rpc's details is: a text, a duration, a map of texts, or a message of such fields. */
type Kind = "text" | "duration" | "texts" | Fields;
interface Fields {
  readonly [number: number]: readonly [name: string, kind: Kind, repeated?: "repeated"];
}

/** google/rpc/error_details.proto, which nearly every server uses and hardly any contract imports. */
const DETAILS: Readonly<Record<string, Fields>> = {
  ErrorInfo: { 1: ["reason", "text"], 2: ["domain", "text"], 3: ["metadata", "texts"] },
  RetryInfo: { 1: ["retryDelay", "duration"] },
  DebugInfo: { 1: ["stackEntries", "text", "repeated"], 2: ["detail", "text"] },
  QuotaFailure: { 1: ["violations", { 1: ["subject", "text"], 2: ["description", "text"] }, "repeated"] },
  PreconditionFailure: {
    1: ["violations", { 1: ["type", "text"], 2: ["subject", "text"], 3: ["description", "text"] }, "repeated"],
  },
  BadRequest: {
    1: ["fieldViolations", { 1: ["field", "text"], 2: ["description", "text"], 3: ["reason", "text"] }, "repeated"],
  },
  RequestInfo: { 1: ["requestId", "text"], 2: ["servingData", "text"] },
  ResourceInfo: {
    1: ["resourceType", "text"],
    2: ["resourceName", "text"],
    3: ["owner", "text"],
    4: ["description", "text"],
  },
  Help: { 1: ["links", { 1: ["description", "text"], 2: ["url", "text"] }, "repeated"] },
  LocalizedMessage: { 1: ["locale", "text"], 2: ["message", "text"] },
};

const [MAP_KEY, MAP_VALUE] = [1, 2];
/** Of google.rpc.Status. */
const DETAILS_FIELD = 3;

/** The details as JSON, each with its type as "@type"; one of a type that nobody declares keeps its bytes in base64. */
export function errorDetails(serializedStatus: Uint8Array, registry: FileRegistry): JsonValue[] {
  const details: JsonValue[] = [];
  try {
    const reader = new BinaryReader(serializedStatus);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === DETAILS_FIELD) details.push(detail(fromBinary(AnySchema, reader.bytes()), registry));
      else reader.skip(type, field);
    }
  } catch {
    // What cannot be read is left out: the error itself is more important.
  }
  return details;
}

function detail({ typeUrl, value }: Any, registry: FileRegistry): JsonValue {
  const typeName = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const known = typeName.startsWith("google.rpc.") ? DETAILS[typeName.slice("google.rpc.".length)] : undefined;
  const declared = registry.getMessage(typeName);
  try {
    if (declared) {
      const json = toJson(declared, fromBinary(declared, value), { registry });
      return { "@type": typeName, ...(json as Record<string, JsonValue>) };
    }
    if (known) return { "@type": typeName, ...message(value, known) };
  } catch {
    // Broken, or declared otherwise; its bytes are still worth something.
  }
  return { "@type": typeName, value: Buffer.from(value).toString("base64") };
}

function message(bytes: Uint8Array, fields: Fields): Record<string, JsonValue> {
  const json: Record<string, JsonValue> = {};
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const known = fields[number];
    if (!known) {
      reader.skip(type, number);
      continue;
    }
    const [name, kind, repeated] = known;
    const value = valueOf(reader.bytes(), kind);
    const before = json[name];
    if (kind === "texts") json[name] = { ...(before as object), ...(value as object) };
    else json[name] = repeated ? [...((before ?? []) as JsonValue[]), value] : value;
  }
  return json;
}

function valueOf(bytes: Uint8Array, kind: Kind): JsonValue {
  if (kind === "text") return Buffer.from(bytes).toString("utf8");
  if (kind === "duration") return toJson(DurationSchema, fromBinary(DurationSchema, bytes));
  if (kind !== "texts") return message(bytes, kind);
  const { key = "", value = "" } = message(bytes, { [MAP_KEY]: ["key", "text"], [MAP_VALUE]: ["value", "text"] });
  return { [String(key)]: value };
}
