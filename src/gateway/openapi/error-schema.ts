import { schemaRef, type JsonSchema } from "./json-schema";

export const ERROR_KEY = "Error";

/** What src/gateway/rpc/error-body.ts and src/gateway/guard/error-answer.ts write. */
export const ERROR_SCHEMA: JsonSchema = {
  type: "object",
  description: "An error as Connect's protocol writes it, with what Heddle knows more of it.",
  required: ["code", "message"],
  properties: {
    code: {
      type: "string",
      description: "The name of a gRPC status, in lower case.",
      examples: ["not_found", "unavailable"],
    },
    message: { type: "string", description: "What happened, and what to do." },
    details: {
      type: "array",
      description: "google.rpc.Status.details.",
      items: {
        type: "object",
        required: ["type", "value"],
        properties: {
          type: { type: "string", description: "Full name of the message." },
          value: { type: "string", description: "The message: base64 without padding." },
          debug: { description: "The same as JSON, where the contract has its type." },
        },
      },
    },
    heddleError: {
      type: "string",
      description: "Which error of docs/errors.md it is; absent for what a handler of a worker said in its own words.",
    },
  },
};

const REFUSALS: Readonly<Record<string, string>> = {
  "400": "The request is not as it should be: the message names the field.",
  "403": "A page of another origin sent it, or the method's own refusal.",
  "404": "There is no such thing.",
  "408": "The body did not arrive in time.",
  "413": "The body is too large.",
  "415": "The body is of a type that is not taken here.",
  "421": "The Host header is no name of this director (HEDDLE_HTTP_HOSTS).",
  "429": "There is no room for it: a limit of the director or of the worker.",
  "501": "No contract has this method, or its worker does not serve it.",
  "503": "No worker is ready, or the director is stopping or has as many requests in hand as it may.",
  "504": "The deadline passed.",
};

/** Errors that any method may end with; `default` is for those that a worker's handler chooses. */
export function errorResponses(): Readonly<Record<string, unknown>> {
  const content = { "application/json": { schema: schemaRef(ERROR_KEY) } };
  const named = Object.entries(REFUSALS).map(([status, description]) => [status, { description, content }]);
  return { ...Object.fromEntries(named), default: { description: "The status that the method ended with.", content } };
}
