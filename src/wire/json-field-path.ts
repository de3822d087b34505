import { fromJson, type DescField, type DescMessage, type JsonReadOptions } from "@bufbuild/protobuf";

import { messageOf } from "../core/errors";
import type { JsonValue } from "./json-text";

/** Fields within fields that are looked into. Deeper down the path says only that much. */
const DEPTH_MAX = 16;
const SHOWN_MAX = 120;

export interface JsonFault {
  /** Such as "order.lines[3].amount"; "" for the message itself. */
  readonly path: string;
  /** What is wrong with it, with the remedy. */
  readonly reason: string;
}

/**
 * Why `json` is no message of that type: found by converting its parts one by one, since the library says which field it was but not which
 * of many. Only for what was refused as a whole.
 */
export function findJsonFault(
  message: DescMessage,
  json: JsonValue,
  options: Partial<JsonReadOptions>,
  error: unknown,
): JsonFault {
  return inMessage(message, json, { options, error, path: "", depth: 0 });
}

interface Search {
  readonly options: Partial<JsonReadOptions>;
  readonly error: unknown;
  readonly path: string;
  readonly depth: number;
}

function inMessage(message: DescMessage, json: JsonValue, search: Search): JsonFault {
  if (hasOwnForm(message) || !isObject(json) || search.depth >= DEPTH_MAX) return here(message, json, search);
  const keys = new Map<unknown, string>();
  for (const [key, value] of Object.entries(json)) {
    const path = search.path === "" ? key : `${search.path}.${key}`;
    const field = message.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined && !search.options.ignoreUnknownFields && !key.startsWith("[")) {
      return { path, reason: unknownField(message, key) };
    }
    const rival = keys.get(field) ?? keys.get(field?.oneof);
    if (field !== undefined && rival !== undefined) return { path, reason: rivalry(field, rival) };
    if (field !== undefined) keys.set(field, key).set(field.oneof ?? field, key);
    const error = refusal(message, { [key]: value }, search.options);
    if (error === undefined) continue;
    const inner = { ...search, error, path, depth: search.depth + 1 };
    return field === undefined ? { path, reason: reasonOf(error) } : inField(field, key, value, inner);
  }
  return here(message, json, search);
}

function inField(field: DescField, key: string, json: JsonValue, search: Search): JsonFault {
  if (field.fieldKind === "message") return inMessage(field.message, json, search);
  const item = field.fieldKind === "list" || field.fieldKind === "map" ? field.message : undefined;
  const parts = partsOf(field, json);
  for (const [name, part, whole] of parts) {
    const error = refusal(field.parent, { [key]: whole }, search.options);
    if (error === undefined) continue;
    const inner = { ...search, error, path: `${search.path}${name}`, depth: search.depth + 1 };
    return item === undefined || part === null
      ? { path: inner.path, reason: reasonOf(error) }
      : inMessage(item, part, inner);
  }
  return { path: search.path, reason: reasonOf(search.error) };
}

/** Items or entries: how the path names each, what it is, and the field with nothing else in it. */
function partsOf(
  field: DescField,
  json: JsonValue,
): readonly (readonly [name: string, part: JsonValue, whole: JsonValue])[] {
  if (field.fieldKind === "list" && isArray(json)) return json.map((item, index) => [`[${index}]`, item, [item]]);
  if (field.fieldKind === "map" && isObject(json)) {
    return Object.entries(json).map(([key, value]) => [`[${shown(key)}]`, value, { [key]: value }]);
  }
  return [];
}

function refusal(message: DescMessage, json: JsonValue, options: Partial<JsonReadOptions>): unknown {
  try {
    fromJson(message, json as never, options);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What is said in place of the library's words about types that have a form of their own in JSON. */
const OWN_FORMS: Readonly<Record<string, string>> = {
  "google.protobuf.Duration": 'write seconds with up to nine decimals, such as "1.5s"',
  "google.protobuf.Timestamp": 'write RFC 3339 from year 1 to 9999, such as "2026-01-31T12:00:00.5Z"',
  "google.protobuf.FieldMask": 'write paths in lowerCamelCase with commas between, such as "user.displayName,photo"',
};

function hasOwnForm({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

function here(message: DescMessage, json: JsonValue, { path, error }: Search): JsonFault {
  const form = OWN_FORMS[message.typeName];
  if (form !== undefined) return { path, reason: `${shown(json)} is no ${message.typeName}: ${form}` };
  if (!hasOwnForm(message) && !isObject(json)) {
    return { path, reason: `an object with the fields of ${message.typeName} is wanted, and it is ${shown(json)}` };
  }
  return { path, reason: reasonOf(error) };
}

function unknownField(message: DescMessage, key: string): string {
  const names = message.fields.map(({ jsonName }) => jsonName);
  const fields =
    names.length === 0 ? "no fields" : `the fields ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`;
  return `unknown field ${shown(key)}: ${message.typeName} has ${fields}`;
}

function rivalry({ name, jsonName, oneof }: DescField, rival: string): string {
  if (rival === name || rival === jsonName) return `it is the same field as ${shown(rival)}: keep one`;
  return `only one field of the oneof ${oneof!.name} may be set, and ${shown(rival)} is: keep one`;
}

/** "cannot decode field a.M.count from JSON: expected number (int32), got "x"" without what the path says better. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^cannot decode (field|oneof|message|map) \S+ from JSON: /, "");
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

function isArray(json: JsonValue): json is readonly JsonValue[] {
  return Array.isArray(json);
}

function isObject(json: JsonValue): json is { readonly [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !isArray(json);
}
