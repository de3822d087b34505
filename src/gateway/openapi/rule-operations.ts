import type { DescField, DescMessage } from "@bufbuild/protobuf";

import { fieldAt, isTextField } from "../http-rule/field-text";
import type { HttpBinding } from "../http-rule/http-bindings";
import { errorResponses } from "./error-schema";
import type { JsonSchema } from "./json-schema";
import type { MessageSchemas } from "./message-schemas";
import { json, nameOf, TIMEOUT, type Operation, type RpcOperations } from "./rpc-operations";

/** A path as OpenAPI has it, with its parameters. */
export interface RulePath {
  readonly path: string;
  readonly parameters: readonly Operation[];
}

const METHODS: Readonly<Record<string, readonly string[]>> = {
  GET: ["get"],
  PUT: ["put"],
  POST: ["post"],
  DELETE: ["delete"],
  PATCH: ["patch"],
  HEAD: ["head"],
  OPTIONS: ["options"],
  "*": ["get", "put", "post", "delete", "patch"],
};

/** How OpenAPI calls the HTTP method of a rule; none for one that it has no word for. */
export function methodsOf({ httpMethod }: HttpBinding): readonly string[] {
  return METHODS[httpMethod] ?? [];
}

/** @param index - of the binding among those of its method, from 1 */
export function ruleOperation(
  binding: HttpBinding,
  { parameters }: RulePath,
  index: number,
  operations: RpcOperations,
  schemas: MessageSchemas,
): Operation {
  const { body, responseBody } = binding;
  const { method } = binding.method;
  const sent = body === "*" ? schemas.message(method.input) : body && schemas.field(body);
  return {
    ...operations.about(method),
    operationId: `${nameOf(method)}.http${index}`,
    parameters: [...parameters, ...queryOf(binding, schemas), TIMEOUT],
    ...(sent === undefined ? {} : { requestBody: { content: json(sent) } }),
    responses: {
      "200": operations.answer(method, responseBody && schemas.field(responseBody)),
      ...errorResponses(),
    },
  };
}

/**
 * OpenAPI has no parameters of several segments, so "/v1/{name=shelves/*}" is "/v1/shelves/{name}", and of a parameter with several stars each
 * is one of its own: `name`, `name_2`.
 */
export function rulePath({ template, method }: HttpBinding, schemas: MessageSchemas): RulePath {
  const parameters: Operation[] = [];
  const names = new Set<string>();
  const segments = template.segments.map((segment, index) => {
    if (segment.kind === "literal") return segment.text;
    const variable = template.variables.find(({ from, to }) => index >= from && index < to);
    const field = variable?.fieldPath.join(".") ?? "any";
    let name = field;
    for (let count = 2; names.has(name); count += 1) name = `${field}_${count}`;
    names.add(name);
    const isWhole = variable !== undefined && (variable.to === variable.from + 1 || segment.kind === "rest");
    const desc = variable && fieldAt(method.method.input, variable.fieldPath);
    parameters.push({
      name,
      in: "path",
      required: true,
      ...(segment.kind === "rest" ? { description: "One or more segments, with slashes between." } : {}),
      schema: isWhole && segment.kind !== "rest" && desc !== undefined ? schemas.field(desc) : { type: "string" },
    });
    return `{${name}}`;
  });
  const verb = template.verb === "" ? "" : `:${template.verb}`;
  return { path: `/${segments.join("/")}${verb}`, parameters };
}

/** How deep fields of fields are listed as parameters; deeper ones are taken all the same. */
const QUERY_DEPTH_MAX = 3;

/** What is neither in the path nor in the body. */
function queryOf({ method, template, body }: HttpBinding, schemas: MessageSchemas): readonly Operation[] {
  if (body === "*") return [];
  const elsewhere = new Set(template.variables.map(({ fieldPath }) => fieldPath.join(".")));
  if (body !== undefined) elsewhere.add(body.name);
  const found: Operation[] = [];
  const collect = (type: DescMessage, prefix: string, shown: string, depth: number) => {
    for (const field of type.fields) {
      const name = `${prefix}${field.name}`;
      if (elsewhere.has(name)) continue;
      const parameter = `${shown}${field.jsonName}`;
      if (isTextField(field) || isTextList(field)) found.push(queryParameter(parameter, schemas.field(field)));
      else if (field.fieldKind === "message" && depth < QUERY_DEPTH_MAX) {
        collect(field.message, `${name}.`, `${parameter}.`, depth + 1);
      }
    }
  };
  collect(method.method.input, "", "", 1);
  return found;
}

function isTextList(field: DescField): boolean {
  return field.fieldKind === "list" && field.listKind !== "message";
}

function queryParameter(name: string, schema: JsonSchema): Operation {
  return { name, in: "query", schema };
}
