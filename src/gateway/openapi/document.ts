import type { DescMethod } from "@bufbuild/protobuf";

import type { HttpBinding } from "../http-rule/http-bindings";
import { ERROR_KEY, ERROR_SCHEMA } from "./error-schema";
import { MessageSchemas, type CommentOf } from "./message-schemas";
import { RpcOperations, type Operation } from "./rpc-operations";
import { methodsOf, ruleOperation, rulePath } from "./rule-operations";

/** An OpenAPI 3.1 document, or the part of one that plugins of Fastify describe. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export interface DocumentParts {
  /** What the plugins' own routes say of themselves. */
  readonly routes: OpenApiDocument;
  readonly methods: readonly DescMethod[];
  /** Those of google.api.http, in the order in which they are looked for. */
  readonly bindings: readonly HttpBinding[];
  readonly commentOf: CommentOf;
}

/** Everything that can be asked for over HTTP. Equal parts give equal documents. */
export function openApiDocument({ routes, methods, bindings, commentOf }: DocumentParts): OpenApiDocument {
  const schemas = new MessageSchemas(commentOf);
  const operations = new RpcOperations(schemas, commentOf);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const method of methods) {
    paths[`/${method.parent.typeName}/${method.name}`] = {
      ...getOf(operations, method),
      post: operations.post(method),
    };
  }
  const known: Record<string, Record<string, unknown>> = { ...paths, ...routes.paths };
  addRules(known, bindings, operations, schemas);
  const services = [...new Set(methods.map(({ parent }) => parent.typeName))];
  return {
    ...routes,
    tags: [...tagsOf(routes).map((name) => ({ name })), ...services.map((name) => tagOf(name, commentOf(name)))],
    paths: known,
    components: {
      ...routes.components,
      schemas: { [ERROR_KEY]: ERROR_SCHEMA, ...routes.components.schemas, ...schemas.components },
    },
  };
}

/** Whatever is there already comes first, as it does when it is asked for. */
function addRules(
  paths: Record<string, Record<string, unknown>>,
  bindings: readonly HttpBinding[],
  operations: RpcOperations,
  schemas: MessageSchemas,
): void {
  const counts = new Map<string, number>();
  for (const binding of bindings) {
    const at = rulePath(binding, schemas);
    for (const method of methodsOf(binding)) {
      if (paths[at.path]?.[method] !== undefined) continue;
      const index = (counts.get(binding.method.path) ?? 0) + 1;
      counts.set(binding.method.path, index);
      const operation = ruleOperation(binding, at, index, operations, schemas);
      paths[at.path] = { ...paths[at.path], [method]: operation };
    }
  }
}

function getOf(operations: RpcOperations, method: DescMethod): Record<string, Operation> {
  const get = operations.get(method);
  return get === undefined ? {} : { get };
}

/** Those that the plugins' routes have, in their order. */
function tagsOf({ paths }: OpenApiDocument): readonly string[] {
  const operations = Object.values(paths).flatMap((item) => Object.values(item)) as readonly {
    tags?: readonly string[];
  }[];
  return [...new Set(operations.flatMap(({ tags }) => tags ?? []))];
}

function tagOf(name: string, description: string | undefined) {
  return description === undefined ? { name } : { name, description };
}
