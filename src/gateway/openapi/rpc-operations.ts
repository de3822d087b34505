import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { DescMethod } from "@bufbuild/protobuf";

import { errorResponses } from "./error-schema";
import type { JsonSchema } from "./json-schema";
import type { CommentOf, MessageSchemas } from "./message-schemas";

/** An OpenAPI operation object. */
export type Operation = Readonly<Record<string, unknown>>;

const NDJSON = "application/x-ndjson";
const SSE = "text/event-stream";

/** What OpenAPI says of methods, however they are reached. */
export class RpcOperations {
  readonly #schemas: MessageSchemas;
  readonly #commentOf: CommentOf;

  constructor(schemas: MessageSchemas, commentOf: CommentOf) {
    this.#schemas = schemas;
    this.#commentOf = commentOf;
  }

  /** Of `POST /{package.Service}/{Method}`. */
  post(method: DescMethod): Operation {
    const schema = this.#schemas.message(method.input);
    return {
      ...this.about(method),
      operationId: nameOf(method),
      parameters: [TIMEOUT],
      requestBody: isStreamOfRequests(method)
        ? { description: "A message on each line.", content: lines(schema) }
        : { required: false, description: "No body is an empty message.", content: json(schema) },
      responses: { "200": this.answer(method), ...errorResponses() },
    };
  }

  /** Name, description and tag, without what depends on how it is reached. */
  about(method: DescMethod): Operation {
    const comment = this.#commentOf(nameOf(method));
    const idempotency = method.proto.options?.idempotencyLevel ?? MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
    return {
      tags: [method.parent.typeName],
      summary: comment === undefined ? method.name : firstSentence(comment),
      ...(comment === undefined ? {} : { description: comment }),
      ...(method.proto.options?.deprecated === true ? { deprecated: true } : {}),
      ...(idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN ? {} : { "x-idempotent": true }),
    };
  }

  /** @param body - the schema of what is answered, where it is not the whole message */
  answer(method: DescMethod, body: JsonSchema = this.#schemas.message(method.output)): JsonSchema {
    if (method.methodKind === "unary" || method.methodKind === "client_streaming") {
      return { description: "The answer.", content: json(body) };
    }
    const description =
      `Messages, one on each line; the last line is the end, an error if it has a code. ` +
      `With \`Accept: ${SSE}\`, events with the same data.`;
    return { description, content: { ...lines(body), [SSE]: { schema: { type: "string" } } } };
  }
}

/** "package.Service.Method". */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}.${method.name}`;
}

export function isStreamOfRequests({ methodKind }: DescMethod): boolean {
  return methodKind === "client_streaming" || methodKind === "bidi_streaming";
}

export function json(schema: JsonSchema): JsonSchema {
  return { "application/json": { schema } };
}

/** OpenAPI 3.1 has no word for what each line is; 3.2 calls it so. */
function lines(schema: JsonSchema): JsonSchema {
  return { [NDJSON]: { schema: { type: "string", description: "Lines of JSON." }, "x-itemSchema": schema } };
}

function firstSentence(comment: string): string {
  return /^[^]*?[.:](?=\s|$)/.exec(comment)?.[0].replace(/\s+/g, " ").replace(/[.:]$/, "") ?? comment;
}

const TIMEOUT = {
  name: "Connect-Timeout-Ms",
  in: "header",
  description:
    "Deadline in milliseconds from now; `Grpc-Timeout: 5S` says the same. Without one, a call may take as long as it likes.",
  schema: { type: "string", pattern: "^[0-9]{1,10}$" },
};
