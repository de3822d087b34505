import { STATUS_CODES } from "node:http";

/** What every error of the HTTP port looks like, unless the API it belongs to has a form of its own: that of Connect. */
export interface ErrorAnswer {
  /** The name of a gRPC status, in lower case. */
  readonly code: string;
  /** What happened, and what to do. */
  readonly message: string;
}

const CODES: Readonly<Record<number, string>> = {
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  405: "unimplemented",
  408: "deadline_exceeded",
  409: "already_exists",
  412: "failed_precondition",
  413: "resource_exhausted",
  421: "permission_denied",
  429: "resource_exhausted",
  431: "resource_exhausted",
  501: "unimplemented",
  503: "unavailable",
  504: "deadline_exceeded",
};

/** The error of an HTTP status. */
export function errorAnswer(statusCode: number, message: string): ErrorAnswer {
  return { code: CODES[statusCode] ?? (statusCode < 500 ? "invalid_argument" : "internal"), message };
}

/** A whole answer in bytes, for connections whose requests nobody could read. The connection ends with it. */
export function rawErrorAnswer(statusCode: number, message: string, headers: Readonly<Record<string, string>>): string {
  const body = JSON.stringify(errorAnswer(statusCode, message));
  const lines = Object.entries({
    ...headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ""}\r\n${lines.join("")}\r\n${body}`;
}
