import type { Socket } from "node:net";

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { errorAnswer, rawErrorAnswer } from "./error-answer";
import { SECURITY_HEADERS } from "./security-headers";

/** Of what Fastify says of a request; some of it has the request's path. */
const MESSAGE_CHARACTERS_MAX = 500;

/** Errors for which no API has a form of its own: one shape, nothing from within. Of what is not there, ../rpc/unknown-path.ts speaks. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(error, request, reply, logger));
}

/** @param error - anything that was thrown; only what says of itself that the request is to blame is told to the caller */
export function sendError(error: FastifyError, request: FastifyRequest, reply: FastifyReply, logger: Logger): void {
  const { statusCode = 500 } = error;
  if (statusCode >= 400 && statusCode < 500) {
    sendErrorAnswer(reply, statusCode, messageOf(error).slice(0, MESSAGE_CHARACTERS_MAX));
    return;
  }
  const route = request.routeOptions.url ?? "(no route)";
  logger.error(`HTTP ${request.method} ${route} failed: ${error.stack ?? messageOf(error)}`);
  sendErrorAnswer(reply, 500, "this is a fault of the director: its log says more");
}

/** In text, because a route of an API that has a form of its own would make that of it. */
export function sendErrorAnswer(reply: FastifyReply, statusCode: number, message: string): void {
  const text = JSON.stringify(errorAnswer(statusCode, message));
  void reply.code(statusCode).type("application/json; charset=utf-8").send(text);
}

/** For what is no HTTP request, or none that came in time: nothing above the socket saw it. */
export function answerBadConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(rawErrorAnswer(...reasonOf(error.code), SECURITY_HEADERS), () => socket.destroy());
}

function reasonOf(code: string | undefined): [statusCode: number, message: string] {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return [408, "the headers did not arrive in time (HEDDLE_HTTP_RECEIVE_TIMEOUT_MS)"];
  }
  if (code === "HPE_HEADER_OVERFLOW") return [431, "the headers are too large (HEDDLE_HEADER_LIST_MAX_BYTES)"];
  return [400, "this is no valid HTTP/1.1 request"];
}
