import { jsonSchemaValidator, type OpenApi } from "../http/openapi-rules";
import type { FuzzAnswer } from "./exchange";
import type { Target } from "./fuzz-request";

type Check = ReturnType<ReturnType<typeof jsonSchemaValidator>["compile"]>;

const BASE = "openapi.json";
const ERROR = { $ref: "#/components/schemas/Error" };
const OF_GUARD: ReadonlySet<number> = new Set([400, 403, 404, 408, 413, 414, 415, 421, 503]);

/** What an answer must be, whatever was asked. */
export class AnswerClaims {
  readonly #ajv = jsonSchemaValidator();
  readonly #checks = new Map<object, Check>();

  constructor(document: OpenApi) {
    this.#ajv.addSchema({ $id: BASE, components: document.components }, BASE);
  }

  /** Undefined: it is as the document says. */
  fault({ operation }: Target, answer: FuzzAnswer): string | undefined {
    const { status, type, nosniff, body } = answer;
    if (!nosniff) return "it lacks the security headers";
    const documented = operation.responses[String(status)];
    const response = documented ?? operation.responses[`${String(status)[0]!}XX`] ?? operation.responses["default"];
    if (status >= 500 && documented === undefined && status !== 503 && status !== 504)
      return `${status} is not documented`;
    if (status === 500) return "500";
    if (/^application\/(\w+\+)?json/.test(type)) {
      let value: unknown;
      try {
        value = JSON.parse(body);
      } catch {
        return "it says that it is JSON, and is not";
      }
      const schema = response?.content?.["application/json"]?.schema;
      if (schema === undefined) return undefined;
      const mismatch = this.#mismatch(schema, value);
      // What the guard says is in a form of its own, before any API has a word.
      return OF_GUARD.has(status) && this.#mismatch(ERROR, value) === undefined ? undefined : mismatch;
    }
    if (status >= 400 && status !== 404 && type === "") return "an error without a body";
    return undefined;
  }

  #mismatch(schema: object, value: unknown): string | undefined {
    let check = this.#checks.get(schema);
    if (check === undefined) {
      check = this.#ajv.compile(withBase(schema) as object);
      this.#checks.set(schema, check);
    }
    return check(value) ? undefined : `it is not as its schema says: ${this.#ajv.errorsText(check.errors)}`;
  }
}

function withBase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === "$ref" && typeof each === "string" ? each.replace(/^#/, `${BASE}#`) : withBase(each),
    ]),
  );
}
