import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";

import { JsonCodecs, type MethodJson } from "../../wire/json-codec";
import type { GatewayParts } from "../gateway-parts";
import { ruleCall } from "../http-rule/rule-call";
import { RuleTable } from "../http-rule/rule-table";
import { DirectorConnections } from "./director-connections";
import { HttpRefusal, sendRefusal } from "./http-refusal";
import {
  encodeSingle,
  isConnect,
  readCallBodies,
  requestBodyOf,
  requestQueryOf,
  type RequestBody,
} from "./request-body";
import { plainShape, startCall, type CallParts, type Requests } from "./start-call";
import { unknownPath } from "./unknown-path";

/**
 * Every method that can be called at the director, its own and its workers', over HTTP: `POST /package.Service/Method`.
 *
 * - The body is one message as canonical protobuf JSON (`application/json`), or several in lines (`application/x-ndjson`), each sent as it
 *   comes. `application/proto` is the message itself. No body and no type is an empty message.
 * - One answer is the body of the response; a stream of them goes in lines, or as server-sent events where `accept` names those
 *   (stream-form.ts).
 * - A failed call has the HTTP status of its gRPC status (http-status.ts) and Connect's JSON for errors (error-body.ts).
 * - Clients of Connect's unary protocol (connectrpc.com/docs/protocol) are answered in its terms. `GET` with the message in the query is for
 *   methods with `idempotency_level = NO_SIDE_EFFECTS`, and for streams of answers of such, which an EventSource can read then.
 * - Headers: deadlines (call-deadline.ts), metadata (request-metadata.ts), `heddle-director` for another director than this one.
 *
 * Also at the paths that `option (google.api.http)` in their contracts declares (google/api/http.proto; ../http-rule/). All of it is found only
 * where the gateway has no route of its own, so that no contract of a worker can take the place of one.
 */
export function callRoutes(parts: GatewayParts): FastifyPluginCallback {
  const { clock, config, catalog, logger } = parts;
  const codecs = JsonCodecs.ofCatalog(catalog);
  const rules = new RuleTable(catalog, codecs, logger);
  const directors = new DirectorConnections(parts);
  const callParts: CallParts = {
    clock,
    logger,
    bodyMaxBytes: config.bodyMaxBytes,
    directors,
    isResumable: (path) => catalog.method(path)?.resumable === true,
  };
  return (app, _options, done) => {
    readCallBodies(app);
    // Before the port waits for its answers to end: those of other directors would not.
    app.addHook("preClose", (closed) => {
      directors.close();
      closed();
    });
    app.setErrorHandler((error, _request, reply) => sendRefusal(reply, error, logger));
    app.setNotFoundHandler((request, reply) => {
      try {
        const path = pathOf(request);
        const method = codecs.method(path);
        if (method !== undefined) {
          serve(callParts, method, request, reply);
          return;
        }
        const found = rules.find(request.method, path);
        if (found === undefined) throw unknownPath(catalog, request.method, path);
        if (found.kind === "other methods") throw otherMethods(request.method, path, found.allow);
        startCall(callParts, ruleCall(found.route, found.segments, request), request, reply);
      } catch (error) {
        sendRefusal(reply, error, logger);
      }
    });
    done();
  };
}

function serve(parts: CallParts, method: MethodJson, request: FastifyRequest, reply: FastifyReply): void {
  const body = bodyOf(method, request);
  const version = request.headers["connect-protocol-version"];
  if (version !== undefined && version !== "1") {
    throw new HttpRefusal(400, {
      code: "invalid_argument",
      message: `connect-protocol-version is ${JSON.stringify(version)}: use 1`,
    });
  }
  const shape = plainShape(method, { isProto: body.kind === "proto", isConnect: isConnect(request) });
  startCall(parts, { method, requests: requestsOf(body, method), shape }, request, reply);
}

function bodyOf({ method, path }: MethodJson, request: FastifyRequest): RequestBody {
  const mayGet = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  if (request.method === "POST") return requestBodyOf(request);
  if (request.method === "GET" && mayGet) return requestQueryOf(request);
  const remedy = mayGet ? "use POST or GET" : "use POST";
  throw new HttpRefusal(
    405,
    { code: "unimplemented", message: `${path} cannot be called with ${request.method}: ${remedy}` },
    { allow: mayGet ? "POST, GET" : "POST" },
  );
}

function otherMethods(httpMethod: string, path: string, allow: readonly string[]): HttpRefusal {
  const message = `${JSON.stringify(path.slice(0, 120))} cannot be asked with ${httpMethod}: use ${allow.join(" or ")}`;
  return new HttpRefusal(405, { code: "unimplemented", message }, { allow: allow.join(", ") });
}

function requestsOf(body: RequestBody, method: MethodJson): Requests {
  if (body.kind !== "lines") return { kind: "single", bytes: encodeSingle(body, method) };
  return { kind: "lines", stream: body.stream, encode: (line) => method.request.encodeText(line) };
}

function pathOf({ raw }: FastifyRequest): string {
  const url = raw.url ?? "/";
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}
