import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { DescMethod } from "@bufbuild/protobuf";

import { ERROR_KEY, errorResponses } from "./error-schema";
import { schemaRef, type JsonSchema } from "./json-schema";
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
        ? { description: "A message on each line, each sent as it comes.", content: lines(schema) }
        : { required: false, description: "No body is an empty message.", content: json(schema) },
      responses: { "200": this.answer(method), ...errorResponses() },
    };
  }

  /** Of `GET` at the same path, for what has no side effects; undefined for all else. */
  get(method: DescMethod): Operation | undefined {
    if (method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return undefined;
    const content = json(this.#schemas.message(method.input));
    const message = { name: "message", in: "query", description: "No message is an empty one.", content };
    return {
      ...this.about(method),
      operationId: `${nameOf(method)}.get`,
      parameters: [message, TIMEOUT],
      responses: { "200": this.answer(method), ...errorResponses() },
    };
  }

  /** Name, description and tag, without what depends on how it is reached. */
  about(method: DescMethod): Operation {
    const comment = this.#commentOf(nameOf(method));
    return {
      tags: [method.parent.typeName],
      summary: comment === undefined ? method.name : firstSentence(comment),
      ...(comment === undefined ? {} : { description: comment }),
      ...(method.proto.options?.deprecated === true ? { deprecated: true } : {}),
      ...(method.idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN ? {} : { "x-idempotent": true }),
    };
  }

  /** @param body - the schema of what is answered, where it is not the whole message */
  answer(method: DescMethod, body: JsonSchema = this.#schemas.message(method.output)): JsonSchema {
    if (method.methodKind === "unary" || method.methodKind === "client_streaming") {
      return { description: "The answer.", content: json(body) };
    }
    const line = {
      oneOf: [
        { type: "object", required: ["result"], properties: { result: body } },
        { type: "object", required: ["end"], properties: { end: { type: "object" } } },
        { type: "object", required: ["error"], properties: { error: schemaRef(ERROR_KEY) } },
      ],
    };
    const description =
      "A message on each line, as `result`; then `end`, or `error`: a stream without either was cut. " +
      `With \`Accept: ${SSE}\`, an event for each message, then the event \`end\` or \`error\`.`;
    return { description, content: { ...lines(line), [SSE]: { schema: { type: "string" } } } };
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

/** A header that every call takes. */
export const TIMEOUT = {
  name: "Connect-Timeout-Ms",
  in: "header",
  description:
    "Deadline in milliseconds from now; `Grpc-Timeout: 5S` says the same. Without one, a call may take as long as it likes.",
  schema: { type: "string", pattern: "^[0-9]{1,10}$" },
};
