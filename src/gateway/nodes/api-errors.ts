import type { FastifyError, FastifyInstance } from "fastify";

import { FabricError, messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { Status } from "../../core/status";

/** What went wrong with a request, before an API puts it into its own form. */
export interface Problem {
  readonly statusCode: number;
  /** In capitals, such as MEMBER_NOT_FOUND. */
  readonly code: string;
  /** What happened, and what to do. */
  readonly message: string;
  /** Which field of what part of the request is wrong, if one is. */
  readonly details: Readonly<Record<string, string>>;
}

export interface ErrorRules {
  /** The body of an answer. */
  form(problem: Problem): object;
  /** The HTTP status of a request that its schema refuses; `keyword` says what of the schema does. Default: 400. */
  refusedStatus?(keyword: string): number;
}

/**
 * Errors of an API in its own form, 404 and 405 below its prefix included. To be called before its routes are added.
 * Nothing of what the director did wrong itself is told to the caller.
 */
export function answerInForm(app: FastifyInstance, prefix: string, logger: Logger, rules: ErrorRules): void {
  const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:[A-Za-z]+/g, "[^/]+")}/?$`);
    for (const each of [method].flat()) routes.push({ method: each, pattern });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOf(error, rules);
    if (problem.statusCode === 500) {
      logger.error(
        `HTTP ${request.method} ${request.routeOptions.url ?? ""} failed: ${error.stack ?? messageOf(error)}`,
      );
    }
    if (problem.statusCode === 503) void reply.header("retry-after", RETRY_AFTER_SECONDS);
    return reply.code(problem.statusCode).send(rules.form(problem));
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const allowed = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    const shown = `${request.method} ${path.slice(0, PATH_CHARACTERS_MAX)}`;
    if (allowed.length === 0) {
      const message = `nothing is at ${shown} of ${prefix}`;
      return reply.code(404).send(rules.form({ statusCode: 404, code: "NOT_FOUND", message, details: {} }));
    }
    const allow = [...new Set(allowed)].sort().join(", ");
    void reply.header("allow", allow);
    const message = `${shown} cannot be: use ${allow}`;
    return reply.code(405).send(rules.form({ statusCode: 405, code: "METHOD_NOT_ALLOWED", message, details: {} }));
  });
}

const RETRY_AFTER_SECONDS = 1;
/** Of a path that is told back. */
const PATH_CHARACTERS_MAX = 200;

function problemOf(error: FastifyError, { refusedStatus }: ErrorRules): Problem {
  if (error instanceof FabricError) return problemOfFabric(error);
  const [refusal] = error.validation ?? [];
  if (refusal) {
    const field = fieldOf(refusal);
    return {
      statusCode: refusedStatus?.(refusal.keyword) ?? 400,
      code: "INVALID_ARGUMENT",
      message: error.message,
      details: { in: error.validationContext ?? "", field },
    };
  }
  const { statusCode = 500 } = error;
  if (statusCode >= 400 && statusCode < 500) {
    return { statusCode, code: error.code ?? "BAD_REQUEST", message: error.message, details: {} };
  }
  return {
    statusCode: 500,
    code: "INTERNAL",
    message: "this is a fault of the director: its log says more",
    details: {},
  };
}

interface Refusal {
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
}

function fieldOf({ instancePath, params }: Refusal): string {
  const missing = typeof params.missingProperty === "string" ? `/${params.missingProperty}` : "";
  return `${instancePath}${missing}`.slice(1).replaceAll("/", ".");
}

const HTTP_STATUSES: Readonly<Partial<Record<Status, number>>> = {
  [Status.INVALID_ARGUMENT]: 400,
  [Status.OUT_OF_RANGE]: 400,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.FAILED_PRECONDITION]: 409,
  [Status.ABORTED]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.UNAUTHENTICATED]: 401,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.UNIMPLEMENTED]: 501,
  [Status.UNAVAILABLE]: 503,
  [Status.DEADLINE_EXCEEDED]: 504,
};

function problemOfFabric(error: FabricError): Problem {
  const statusCode = HTTP_STATUSES[error.status] ?? 500;
  // The code has a field of its own.
  const message = error.message.replace(/^\[\w+\] /, "");
  return { statusCode, code: error.code, message, details: {} };
}
