import type { FastifyReply } from "fastify";

import type { CallEnd } from "../../core/call";
import { FabricError, messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { errorBodyOfError, type ErrorBody } from "./error-body";
import { httpStatusOf } from "./http-status";

/** A request that is no call: its HTTP status says more than any gRPC status would. */
export class HttpRefusal extends Error {
  readonly httpStatus: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;

  constructor(httpStatus: number, body: ErrorBody, headers: Readonly<Record<string, string>> = {}) {
    super(body.message);
    this.name = "HttpRefusal";
    this.httpStatus = httpStatus;
    this.body = body;
    this.headers = headers;
  }
}

/** Answers what was thrown before there was a call. What the request is not to blame for is told to the log only. */
export function sendRefusal(reply: FastifyReply, thrown: unknown, logger: Logger): void {
  const refusal = refusalOf(thrown);
  if (refusal.httpStatus === 500 && !(thrown instanceof FabricError)) {
    const { method, url } = reply.request;
    const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
    logger.error(`HTTP ${method} ${url.slice(0, 200)} failed: ${reason}`);
  }
  sendError(reply.headers(refusal.headers), refusal.httpStatus, refusal.body);
}

export function sendError(reply: FastifyReply, httpStatus: number, body: ErrorBody): void {
  // The rest of a body that nobody reads would be taken for as long as it comes.
  if (!reply.request.raw.complete) reply.header("connection", "close");
  reply.code(httpStatus).header("content-type", "application/json").send(JSON.stringify(body));
}

/** For a fault while an answer was written: ends that request, with whatever of it is out, and nothing else. */
export function breakOff({ raw, request }: FastifyReply, thrown: unknown, logger: Logger): void {
  const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown);
  logger.error(`HTTP ${request.method} ${request.url.slice(0, 200)} could not be answered: ${reason}`);
  raw.destroy();
}

/** HTTP status of a call that failed. */
export function httpStatusOfEnd({ status, error }: CallEnd): number {
  return error === undefined ? httpStatusOf(status) : httpStatusOfError(error);
}

/** What is too large has a status of its own in HTTP; Connect's clients look at the code in the body. */
function httpStatusOfError({ status, code }: FabricError): number {
  return code === "MESSAGE_TOO_LARGE" ? 413 : httpStatusOf(status);
}

function refusalOf(thrown: unknown): HttpRefusal {
  if (thrown instanceof HttpRefusal) return thrown;
  if (thrown instanceof FabricError) return new HttpRefusal(httpStatusOfError(thrown), errorBodyOfError(thrown));
  // Of Fastify: a body over the limit, or one that is not as long as it says.
  const { statusCode } = thrown as { readonly statusCode?: unknown };
  const message = messageOf(thrown);
  if (statusCode === 413) {
    const remedy = "send less, or raise HEDDLE_HTTP_BODY_MAX_BYTES";
    return new HttpRefusal(413, {
      code: "resource_exhausted",
      message: `${message}: ${remedy}`,
      heddleError: "MESSAGE_TOO_LARGE",
    });
  }
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new HttpRefusal(statusCode, { code: "invalid_argument", message });
  }
  return new HttpRefusal(500, { code: "internal", message: "this is a fault of the director: its log says more" });
}
