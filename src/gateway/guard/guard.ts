import type { IncomingHttpHeaders, Server } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { Clock } from "../../core/clock";
import type { Logger } from "../../core/logger";
import { Admission, type Admitted } from "./admission";
import { answerBadConnection, answerErrors, sendError, sendErrorAnswer } from "./error-answers";
import { isForeignPage } from "./foreign-page";
import type { GuardConfig } from "./guard-config";
import { HostNames } from "./host-names";
import { SECURITY_HEADERS } from "./security-headers";
import { SlowBodies } from "./slow-bodies";
import { limitStall, STALL_MAX_MS } from "./stall-limit";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Also when there are as many requests in hand as there may be, and while the port closes: for those who ask how it is. */
    readonly answeredAlways?: boolean;
  }
}

export interface GuardParts {
  readonly config: GuardConfig & { readonly bodyMaxBytes: number };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: a minute. */
  readonly stallMaxMs?: number;
}

const PATH_PARAMETER_CHARACTERS_MAX = 512;

/** Silence after which the system asks whether a caller is still there (TCP keepalive). */
const KEEPALIVE_MS = 30_000;

/** How often Node looks for connections whose headers are late. */
const HEADERS_CHECK_MS = 1_000;

/** What goes to Node's HTTP server. */
export function guardedServer({ receiveTimeoutMs, headersMaxBytes }: GuardConfig) {
  return {
    maxHeaderSize: headersMaxBytes,
    headersTimeout: receiveTimeoutMs,
    connectionsCheckingInterval: Math.min(HEADERS_CHECK_MS, receiveTimeoutMs),
  };
}

/** What goes to Fastify. */
export function guardedApp({ config, logger }: GuardParts) {
  return {
    bodyLimit: config.bodyMaxBytes,
    // Idle connections end when the gateway stops, the others when they are answered.
    forceCloseConnections: "idle",
    // The guard says so, in the form of its own errors.
    return503OnClosing: false,
    // Room for any id or name of a method that we take; longer ones are answered with 414.
    routerOptions: { maxParamLength: PATH_PARAMETER_CHARACTERS_MAX },
    clientErrorHandler: answerBadConnection,
    // Of requests that reach no route, and hence no hook.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      void reply.headers(SECURITY_HEADERS);
      sendError(error, request, reply, logger);
    },
  } as const;
}

/**
 * What every request of the HTTP port goes through first, whichever of its addresses it came to:
 * - W1 names: a Host header that is not ours is refused with 421 (DNS rebinding). No browser reaches a unix socket, so there any will do.
 * - W2 pages: what may change something and comes from a page of another origin is refused with 403 (CSRF). Forms and plain text are no
 *   bodies of commands (415), because browsers send these without asking first.
 * - W3 room: requests in hand, their bodies and connections are bounded; beyond it 503 with Retry-After.
 * - W4 time: headers, and bodies that are read whole, arrive in time or not at all (408). Streams of requests take as long as they like.
 * - W5 every answer has the security headers.
 * - W6 readers: whoever takes nothing of an answer for a minute loses the connection, and with it the place that W3 gave.
 * It comes before any route.
 */
export function guard(app: FastifyInstance, { config, clock, logger, stallMaxMs = STALL_MAX_MS }: GuardParts): void {
  const hosts = new HostNames(config.hosts);
  const admission = new Admission(config);
  const slowBodies = new SlowBodies<FastifyReply>(clock, config.receiveTimeoutMs, (reply) =>
    refuse(reply, 408, "the body did not arrive in time (HEDDLE_HTTP_RECEIVE_TIMEOUT_MS)"),
  );
  const admitted = new WeakMap<FastifyReply, Admitted>();
  let isClosing = false;

  answerErrors(app, logger);
  app.removeContentTypeParser("text/plain");
  boundConnections(app.server, config.connectionsMax);

  app.addHook("onRequest", (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS); // W5
    const { headers, socket, method = "" } = request.raw;
    if (!hosts.allows(headers.host) && socket.remoteAddress !== undefined)
      return refuse(reply, 421, unknownHost(headers.host)); // W1
    if (isForeignPage(method, headers)) return refuse(reply, 403, FOREIGN_PAGE); // W2
    if (request.routeOptions.config.answeredAlways === true) return done();
    if (isClosing) return refuse(reply, 503, "the director is stopping: ask another one");
    const room = admission.admit(headers); // W3
    if (typeof room === "string") return refuse(reply, 503, room);
    admitted.set(reply, room);
    if (room.bodyBytes > 0) slowBodies.begin(reply); // W4
    reply.raw.once("close", () => {
      slowBodies.arrived(reply);
      admission.release(room);
    });
    done();
  });
  // After a body that is read whole, and before the first piece of a stream of requests.
  app.addHook("preValidation", (request, reply, done) => {
    slowBodies.arrived(reply);
    if (!request.raw.readableEnded) {
      const room = admitted.get(reply);
      if (room !== undefined) admission.releaseBody(room);
      // What nobody reads must not keep the connection busy for as long as its sender likes.
      if (request.body === undefined && hasBody(request.raw.headers)) void reply.header("connection", "close");
    }
    done();
  });
  // W6. Streams may have nothing to say for longer; they look after themselves.
  app.addHook("onSend", (request, _reply, payload, done) => {
    if (!(payload instanceof Readable)) limitStall(request.raw.socket, stallMaxMs);
    done();
  });
  app.addHook("preClose", (done) => {
    isClosing = true;
    done();
  });
  app.addHook("onClose", (_app, done) => {
    slowBodies.close();
    done();
  });
}

const RETRY_AFTER_SECONDS = 1;

const FOREIGN_PAGE =
  "a page of another origin may change nothing here: use the pages of this port itself, or a program that is no browser";

function unknownHost(host = ""): string {
  const shown = JSON.stringify(host.slice(0, HOST_CHARACTERS_MAX));
  return `the Host header ${shown} is no name of this director: if it should be one, put it into HEDDLE_HTTP_HOSTS`;
}

/** Of a name that is told back: the longest that DNS has, and a port. */
const HOST_CHARACTERS_MAX = 260;

/** The rest of the request is not read, so the connection ends with the answer. */
function refuse(reply: FastifyReply, statusCode: number, message: string): void {
  if (reply.sent) return;
  if (statusCode === 503) void reply.header("retry-after", RETRY_AFTER_SECONDS);
  sendErrorAnswer(reply.header("connection", "close"), statusCode, message);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** One connection more is closed: whoever has so many open would not read why. Also counts those that another listener took. */
function boundConnections(server: Server, connectionsMax: number): void {
  let open = 0;
  server.prependListener("connection", (socket: Socket) => {
    if (open >= connectionsMax) {
      socket.destroy();
      return;
    }
    open += 1;
    // A caller that vanished without a word would keep its call, and its place, for ever.
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.once("close", () => (open -= 1));
  });
}
