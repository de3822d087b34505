import { getExtension, hasExtension, toJson, type DescField, type DescMessage } from "@bufbuild/protobuf";

import type { JsonValue, MethodJson } from "../../wire/json-codec";
import { fieldAt, isTextField } from "./field-text";
import { parsePathTemplate, type PathTemplate } from "./path-template";

/** The file that declares the option; a contract without it has no rules. */
export const ANNOTATIONS_FILE = "google/api/annotations.proto";
const OPTION = "google.api.http";

/** One way in which a method is called over HTTP. */
export interface HttpBinding {
  readonly method: MethodJson;
  /** "GET", or "*" for every one. */
  readonly httpMethod: string;
  readonly template: PathTemplate;
  /** The template as the contract has it. */
  readonly path: string;
  /** The field that the body is; "*" for the whole message, undefined where there is none. */
  readonly body: DescField | "*" | undefined;
  /** The field that is answered; undefined for the whole message. */
  readonly responseBody: DescField | undefined;
}

/** google.api.HttpRule as JSON. */
interface HttpRule {
  readonly get?: string;
  readonly put?: string;
  readonly post?: string;
  readonly delete?: string;
  readonly patch?: string;
  readonly custom?: { readonly kind?: string; readonly path?: string };
  readonly body?: string;
  readonly responseBody?: string;
  readonly additionalBindings?: readonly HttpRule[];
}

/**
 * What `option (google.api.http)` of a method says.
 * @param refused - told of each rule that cannot be used, and why; the others count
 */
export function httpBindingsOf(method: MethodJson, refused: (reason: string) => void): readonly HttpBinding[] {
  const orNone = <T>(made: () => readonly T[]): readonly T[] => {
    try {
      return made();
    } catch (error) {
      refused((error as Error).message);
      return [];
    }
  };
  // The option itself may be broken too: its bytes, and what it is declared to be, are the worker's.
  return orNone(() => rulesOf(method)).flatMap((rule) => orNone(() => [bindingOf(method, rule)]));
}

function rulesOf(method: MethodJson): readonly HttpRule[] {
  const rule = ruleOf(method);
  return rule === undefined ? [] : [rule, ...(rule.additionalBindings ?? [])];
}

function ruleOf({ method, registry }: MethodJson): HttpRule | undefined {
  const extension = registry.getExtension(OPTION);
  const { options } = method.proto;
  if (extension?.message === undefined || options === undefined || !hasExtension(options, extension)) return undefined;
  return toJson(extension.message, getExtension(options, extension) as never) as JsonValue as HttpRule;
}

const METHODS = ["get", "put", "post", "delete", "patch"] as const;

function bindingOf(method: MethodJson, rule: HttpRule): HttpBinding {
  const [httpMethod, path] = patternOf(rule);
  const template = parsePathTemplate(path);
  const { input, output } = method.method;
  for (const { fieldPath } of template.variables) {
    const name = fieldPath.join(".");
    const field = fieldAt(input, fieldPath);
    if (field === undefined) throw new Error(`${path} names the field ${name}, which ${input.typeName} does not have`);
    if (!isTextField(field)) throw new Error(`${path} names the field ${name}, which no text in a path can be`);
  }
  const { body = "", responseBody = "" } = rule;
  return {
    method,
    httpMethod,
    template,
    path,
    body: body === "" || body === "*" ? body || undefined : topField(input, body, "body"),
    responseBody: responseBody === "" ? undefined : topField(output, responseBody, "response_body"),
  };
}

function patternOf(rule: HttpRule): readonly [httpMethod: string, path: string] {
  for (const method of METHODS) {
    const path = rule[method];
    if (path !== undefined) return [method.toUpperCase(), path];
  }
  const { kind = "", path = "" } = rule.custom ?? {};
  if (kind === "" || path === "") throw new Error("it has no path");
  if (!/^(?:\*|[A-Za-z-]+)$/.test(kind))
    throw new Error(`its method is ${JSON.stringify(kind)}, which HTTP cannot have`);
  return [kind.toUpperCase(), path];
}

function topField(message: DescMessage, name: string, option: string): DescField {
  const field = message.fields.find((each) => each.name === name);
  if (field !== undefined) return field;
  throw new Error(`its ${option} is ${JSON.stringify(name)}, which is no field of ${message.typeName}`);
}
