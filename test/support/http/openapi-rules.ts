import { createRequire } from "node:module";

/** What we use of Ajv, whose types are not where the compiler looks. */
export interface SchemaValidator {
  validateSchema(schema: object): unknown;
  addSchema(schema: object, key: string): unknown;
  compile(schema: object): { (value: unknown): boolean; errors?: object[] | null };
  errorsText(errors?: object[] | null): string;
}

/** An OpenAPI document as JSON has it. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Operation {
  readonly operationId?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Readonly<Record<string, { readonly schema?: object }>> }
    >
  >;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  /** Undefined where it is JSON, which `content` describes. */
  readonly schema?: object;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

/** Of draft 2020-12; the one that Fastify brings. */
export function jsonSchemaValidator(): SchemaValidator {
  const near = createRequire(require.resolve("@fastify/ajv-compiler"));
  const { default: Ajv } = near("ajv/dist/2020") as { readonly default: new (options: object) => SchemaValidator };
  return new Ajv({ strict: false, validateFormats: false, allErrors: false });
}

const FIELDS: Readonly<Record<string, RegExp>> = {
  document: /^(openapi|info|jsonSchemaDialect|servers|paths|webhooks|components|security|tags|externalDocs|x-.*)$/,
  pathItem: /^(summary|description|servers|parameters|get|put|post|delete|options|head|patch|trace|x-.*)$/,
  operation:
    /^(tags|summary|description|externalDocs|operationId|parameters|requestBody|responses|callbacks|deprecated|security|servers|x-.*)$/,
  parameter:
    /^(name|in|description|required|deprecated|allowEmptyValue|style|explode|allowReserved|schema|example|examples|content|x-.*)$/,
  requestBody: /^(description|content|required|x-.*)$/,
  response: /^(description|headers|content|links|x-.*)$/,
  mediaType: /^(schema|example|examples|encoding|x-.*)$/,
};

const METHODS = /^(get|put|post|delete|options|head|patch|trace)$/;

/** What in a document is not as OpenAPI 3.1.0 asks for it (spec.openapis.org/oas/v3.1.0). */
export function openApiFaults(document: OpenApi): string[] {
  const faults: string[] = [];
  const claim = (holds: boolean, fault: string) => holds || faults.push(fault);
  const known = (kind: string, object: object, where: string) => {
    for (const key of Object.keys(object)) claim(FIELDS[kind]!.test(key), `${where}: a ${kind} has no ${key}`);
  };
  const ajv = jsonSchemaValidator();
  const schema = (value: unknown, where: string) => {
    claim(ajv.validateSchema(value as object) === true, `${where}: ${ajv.errorsText()}`);
    for (const ref of refsOf(value)) claim(isThere(document, ref), `${where}: ${ref} leads nowhere`);
  };
  const content = (types: Readonly<Record<string, { readonly schema?: object }>>, where: string) => {
    for (const [type, media] of Object.entries(types)) {
      claim(/^[\w.+*-]+\/[\w.+*-]+$/.test(type), `${where}: ${type} is no media type`);
      known("mediaType", media, `${where} ${type}`);
      if (media.schema !== undefined) schema(media.schema, `${where} ${type}`);
    }
  };

  known("document", document, "the document");
  claim(/^3\.1\.\d+$/.test(document.openapi), "the version is 3.1");
  const operationIds = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    claim(path.startsWith("/"), `${path} begins with a slash`);
    known("pathItem", item, path);
    for (const [method, operation] of Object.entries(item).filter(([key]) => METHODS.test(key))) {
      const where = `${method} ${path}`;
      known("operation", operation, where);
      const { operationId, parameters = [], requestBody, responses, tags = [] } = operation;
      claim(operationId === undefined || !operationIds.has(operationId), `${where}: ${operationId} is there twice`);
      if (operationId !== undefined) operationIds.add(operationId);
      for (const tag of tags)
        claim(
          document.tags.some(({ name }) => name === tag),
          `${where}: the tag ${tag} is not there`,
        );
      const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name!);
      const declared = parameters.filter((each) => each.in === "path").map(({ name }) => name);
      claim(named.sort().join() === declared.sort().join(), `${where}: its parameters are ${declared.join()}`);
      const ids = parameters.map(({ name, in: place }) => `${place} ${name}`);
      claim(new Set(ids).size === ids.length, `${where}: a parameter is there twice: ${ids.join()}`);
      for (const parameter of parameters) {
        known("parameter", parameter, where);
        claim(/^(path|query|header|cookie)$/.test(parameter.in), `${where}: a parameter is in ${parameter.in}`);
        claim(parameter.in !== "path" || parameter.required === true, `${where}: ${parameter.name} is required`);
        claim((parameter.schema === undefined) !== (parameter.content === undefined), `${where}: ${parameter.name}`);
        schema(parameter.schema ?? {}, `${where} ${parameter.name}`);
        content(parameter.content ?? {}, `${where} ${parameter.name}`);
      }
      if (requestBody !== undefined) {
        known("requestBody", requestBody, where);
        content(requestBody.content, `${where}, its body`);
      }
      claim(Object.keys(responses).length > 0, `${where}: it has answers`);
      for (const [status, response] of Object.entries(responses)) {
        claim(/^([1-5](\d\d|XX)|default)$/.test(status), `${where}: ${status} is no status`);
        known("response", response, `${where} ${status}`);
        claim(typeof response.description === "string", `${where} ${status}: it is described`);
        content(response.content ?? {}, `${where} ${status}`);
      }
    }
  }
  for (const [key, value] of Object.entries(document.components.schemas)) {
    claim(/^[a-zA-Z0-9._-]+$/.test(key), `${key} is no key of a schema`);
    schema(value, key);
  }
  return faults;
}

function refsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === "$ref" && typeof each === "string" ? [each] : refsOf(each),
  );
}

function isThere(document: OpenApi, ref: string): boolean {
  const key = /^#\/components\/schemas\/([^/]+)$/.exec(ref)?.[1];
  return key !== undefined && Object.hasOwn(document.components.schemas, key);
}
