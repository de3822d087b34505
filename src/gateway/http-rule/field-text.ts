import { ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";

import { FabricError } from "../../core/errors";
import { nearestName } from "../../core/nearest-name";
import type { JsonValue } from "../../wire/json-codec";

/** JSON that is being made. */
export type JsonObject = Record<string, JsonValue>;

/** Messages whose JSON is one text. */
const TEXT_MESSAGES =
  /^google\.protobuf\.(?:Timestamp|Duration|FieldMask|(?:String|Bytes|Bool|U?Int(?:32|64)|Float|Double)Value)$/;

/** The field at the end of a path of names; those of the .proto file and those of JSON both count. Undefined when there is none. */
export function fieldAt(message: DescMessage, fieldPath: readonly string[]): DescField | undefined {
  let [type, found] = [message as DescMessage | undefined, undefined as DescField | undefined];
  for (const name of fieldPath) {
    found = type?.fields.find((field) => field.name === name || field.jsonName === name);
    if (found === undefined) return undefined;
    type = found.fieldKind === "message" ? found.message : undefined;
  }
  return found;
}

/** Whether a single text can be its value. */
export function isTextField(field: DescField): boolean {
  return field.fieldKind !== "list" && field.fieldKind !== "map" && isTextType(field);
}

function isTextType({ message }: DescField): boolean {
  return message === undefined || TEXT_MESSAGES.test(message.typeName);
}

/**
 * Sets a field of a message in JSON from the text of a URL: a parameter of the query, or a variable of the path. A field that repeats takes
 * several.
 * @throws FabricError INVALID_ARGUMENT when the message has no such field, or texts cannot be its value
 */
export function setFieldText(target: JsonObject, message: DescMessage, name: string, texts: readonly string[]): void {
  const fieldPath = name.split(".");
  const field = fieldAt(message, fieldPath);
  if (field === undefined) throw unknownField(message, name);
  const isList = field.fieldKind === "list";
  if (field.fieldKind === "map" || !isTextType(field)) {
    throw invalid(
      name,
      `it is a ${field.fieldKind === "map" ? "map" : field.message!.typeName}: name a field within it, or send it in the body`,
    );
  }
  if (!isList && texts.length > 1) throw invalid(name, `it comes ${texts.length} times, and takes one value`);
  const holder = holderOf(target, message, fieldPath);
  const values = texts.map((text) => jsonOf(field, text));
  const key = keyIn(holder, field);
  holder[key] = isList ? [...((holder[key] as readonly JsonValue[] | undefined) ?? []), ...values] : values[0]!;
}

/** The object that the last field of a path is in; made where it is not there. */
function holderOf(target: JsonObject, message: DescMessage, fieldPath: readonly string[]): JsonObject {
  let [holder, type] = [target, message];
  for (const name of fieldPath.slice(0, -1)) {
    const field = type.fields.find((each) => each.name === name || each.jsonName === name)!;
    const key = keyIn(holder, field);
    const inner = holder[key];
    const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    // What else a body has there is replaced: the path says that there is a message.
    const made: JsonObject = isObject ? { ...(inner as JsonObject) } : {};
    holder[key] = made;
    [holder, type] = [made, field.message!];
  }
  return holder;
}

/** The name that a body uses for the field already, so that it does not come twice. */
function keyIn(holder: JsonObject, { name, jsonName }: DescField): string {
  return Object.hasOwn(holder, name) ? name : jsonName;
}

/** Numbers and all that is text in JSON is left as it is: the codec takes both. */
function jsonOf(field: DescField, text: string): JsonValue {
  if (field.enum !== undefined) return enumJson(field.enum, text);
  const isBool = field.scalar === ScalarType.BOOL || field.message?.typeName === "google.protobuf.BoolValue";
  if (!isBool) return text;
  if (text === "true" || text === "false") return text === "true";
  throw invalid(field.name, `it is ${shown(text)}: use true or false`);
}

function enumJson({ values }: DescEnum, text: string): JsonValue {
  return /^-?\d{1,10}$/.test(text) && !values.some(({ name }) => name === text) ? Number(text) : text;
}

function unknownField(message: DescMessage, name: string): FabricError {
  const names = message.fields.map((field) => field.jsonName);
  const nearest = nearestName(name, names);
  const remedy = nearest === undefined ? `its fields are ${names.join(", ") || "none"}` : `did you mean ${nearest}?`;
  return invalid(name, `${message.typeName} has no such field: ${remedy}`);
}

function invalid(name: string, why: string): FabricError {
  return new FabricError("INVALID_ARGUMENT", `${name.slice(0, 120)}: ${why}`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}
