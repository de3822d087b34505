import type { DescField } from "@bufbuild/protobuf";
import type { FastifyRequest } from "fastify";

import { FabricError } from "../../core/errors";
import type { JsonValue, MethodJson } from "../../wire/json-codec";
import { HttpRefusal } from "../rpc/http-refusal";
import { isConnect, requestBodyOf } from "../rpc/request-body";
import { plainShape, type CallToMake, type Requests } from "../rpc/start-call";
import { setFieldText, type JsonObject } from "./field-text";
import type { HttpBinding } from "./http-bindings";
import { variableValue } from "./path-template";

/**
 * The call that a request stands for, by a rule of google/api/http.proto: fields are taken from the path, from the body where the rule has one,
 * and all others from the query. What the path says counts before the body.
 * @throws FabricError INVALID_ARGUMENT naming the field; HttpRefusal 415 for a body that is no JSON
 */
export function ruleCall(binding: HttpBinding, segments: readonly string[], request: FastifyRequest): CallToMake {
  const { method, responseBody } = binding;
  const shape = plainShape(method, { isProto: false, isConnect: isConnect(request) });
  const answer = responseBody === undefined ? shape.answer : fieldAnswer(method, responseBody);
  return { method, requests: requestsOf(binding, segments, request), shape: { ...shape, answer } };
}

function requestsOf(binding: HttpBinding, segments: readonly string[], request: FastifyRequest): Requests {
  const { method, body } = binding;
  const variables = variablesOf(binding, segments);
  const parameters = parametersOf(binding, request);
  const bytesOf = (sent: JsonValue | undefined) => {
    const message = messageOf(binding, sent);
    for (const [name, texts] of parameters) setFieldText(message, method.request.type, name, texts);
    for (const [name, text] of variables) setFieldText(message, method.request.type, name, [text]);
    return method.request.encode(message);
  };
  if (body === undefined) return { kind: "single", bytes: bytesOf(undefined) };
  const sent = requestBodyOf(request);
  if (sent.kind === "lines") {
    return { kind: "lines", stream: sent.stream, encode: (line) => bytesOf(method.request.parse(line)) };
  }
  if (sent.kind === "json")
    return { kind: "single", bytes: bytesOf(isWithoutBody(request) ? undefined : method.request.parse(sent.text)) };
  const message = "a route of google.api.http takes application/json, or application/x-ndjson for several messages";
  throw new HttpRefusal(415, { code: "invalid_argument", message });
}

function isWithoutBody({ body }: FastifyRequest): boolean {
  return body === undefined || body === null;
}

/** The message as far as the body says it. */
function messageOf({ method, body }: HttpBinding, sent: JsonValue | undefined): JsonObject {
  if (body === undefined || sent === undefined) return {};
  if (body !== "*") return { [body.jsonName]: sent };
  if (typeof sent === "object" && sent !== null && !Array.isArray(sent)) return { ...(sent as JsonObject) };
  throw new FabricError("INVALID_ARGUMENT", `the body is no object with the fields of ${method.request.type.typeName}`);
}

function variablesOf({ template }: HttpBinding, segments: readonly string[]): readonly (readonly [string, string])[] {
  return template.variables.map((variable) => {
    const name = variable.fieldPath.join(".");
    try {
      return [name, variableValue(variable, segments)] as const;
    } catch {
      throw new FabricError("INVALID_ARGUMENT", `${name}: the path has what is no percent-encoding of UTF-8`);
    }
  });
}

function parametersOf(
  { template, body, path }: HttpBinding,
  { query }: FastifyRequest,
): readonly (readonly [string, readonly string[]])[] {
  const given = Object.entries(query as Readonly<Record<string, string | readonly string[]>>);
  return given.map(([name, value]) => {
    const refused = (why: string) =>
      new FabricError("INVALID_ARGUMENT", `the query has ${JSON.stringify(name.slice(0, 120))}, ${why}`);
    if (body === "*") throw refused(`and ${path} takes everything in its body: send it there`);
    const [top] = name.split(".");
    if (body !== undefined && (top === body.name || top === body.jsonName))
      throw refused("which is the body: send it there");
    if (template.variables.some(({ fieldPath }) => fieldPath.join(".") === name))
      throw refused("which the path says: leave it out");
    return [name, typeof value === "string" ? [value] : value] as const;
  });
}

/** One field of an answer, with its default value where it is not set. */
function fieldAnswer({ answer }: MethodJson, { jsonName }: DescField): (bytes: Uint8Array) => string {
  return (bytes) => {
    const field = (json: JsonValue) => (json as JsonObject)[jsonName];
    return JSON.stringify(field(answer.decode(bytes)) ?? field(answer.decode(bytes, { emitDefaults: true })) ?? null);
  };
}
