import { setMaxListeners } from "node:events";
import { join } from "node:path";

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";

import { messageOf } from "../../core/errors";
import type { GatewayParts } from "../gateway-parts";
import { errorAnswer } from "../guard/error-answer";
import { PAGE_POLICY } from "../guard/security-headers";
import { streamCalls } from "./call-stream";
import { findDirector } from "./directors";
import { EventStream } from "./event-stream";
import { Feeds } from "./feeds";
import { pageFiles, type PageFile } from "./page-files";

type Parts = Pick<GatewayParts, "director" | "agents" | "config" | "connectDirector" | "clock" | "logger">;

/** Where `scripts/dashboard.ts` puts what it bundles. */
const BUILT = join(__dirname, "..", "..", "dashboard", "assets");

/** Streams that one director gives out at once; a page has two at most. */
const STREAMS_MAX = 200;

/** The guard has sent the others. */
const PAGE_HEADERS = { "content-security-policy": PAGE_POLICY, "cross-origin-opener-policy": "same-origin" };

interface FeedQuery {
  readonly director?: string;
  /** Of the last message it has, for readers that cannot set Last-Event-ID. */
  readonly last?: string;
}

/** The page at `/`, and what it lives on: `/dashboard/feed` and `/dashboard/calls`, as server-sent events. */
export function dashboardRoutes(parts: Parts, folder = BUILT): FastifyPluginCallback {
  const { clock, logger } = parts;
  const feeds = new Feeds(parts);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // one for each stream, of which there are STREAMS_MAX
  let streams = 0;
  let files: ReadonlyMap<string, PageFile> | undefined;

  const sendFile = (request: FastifyRequest, reply: FastifyReply, name: string) => {
    files ??= pageFiles(folder);
    const file = files?.get(name);
    if (file === undefined) {
      const message = files
        ? `there is no file "${name.slice(0, 100)}"`
        : "the page is not part of this build: run npm run build";
      const status = files ? 404 : 501;
      return reply.code(status).send(errorAnswer(status, message));
    }
    const isZipped = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    void reply
      .headers(PAGE_HEADERS)
      .header("vary", "accept-encoding")
      .header("cache-control", file.isHashed ? "public, max-age=31536000, immutable" : "no-cache")
      .type(file.type);
    if (isZipped) void reply.header("content-encoding", "gzip");
    return reply.send(isZipped ? file.gzip : file.bytes);
  };

  const open = (reply: FastifyReply, callbacks: { ended(): void; drained(): void }): EventStream => {
    streams += 1;
    return new EventStream(reply, {
      drained: () => callbacks.drained(),
      ended: () => {
        streams -= 1;
        callbacks.ended();
      },
    });
  };
  /** The answer to one stream too many; undefined when there is none. */
  const refusal = (reply: FastifyReply) => {
    if (!stopping.signal.aborted && streams < STREAMS_MAX) return undefined;
    const why = stopping.signal.aborted ? "this director is stopping" : `${STREAMS_MAX} streams are open already`;
    return reply.code(503).send(errorAnswer(503, why));
  };
  const noSuchDirector = (reply: FastifyReply, id: string) =>
    reply.code(404).send(errorAnswer(404, `there is no director "${id.slice(0, 128)}" now`));

  return (app, _options, done) => {
    app.get("/", (request, reply) => sendFile(request, reply, "index.html"));
    app.get<{ Params: { name: string } }>("/assets/:name", (request, reply) =>
      sendFile(request, reply, request.params.name),
    );

    app.get<{ Querystring: FeedQuery }>("/dashboard/feed", async (request, reply) => {
      const { director: id = "", last } = request.query;
      const feed = await feeds.of(id);
      if (!feed) return refusal(reply) ?? noSuchDirector(reply, id);
      const refused = refusal(reply);
      if (refused) return refused;
      const viewer = open(reply, { ended: () => feed.remove(viewer), drained: () => feed.drained(viewer) });
      feed.add(viewer, String(request.headers["last-event-id"] ?? last ?? ""));
      return reply;
    });

    app.get<{ Querystring: FeedQuery }>("/dashboard/calls", async (request, reply) => {
      const { director: id = "" } = request.query;
      const clients = await findDirector(parts, id);
      if (!clients) return noSuchDirector(reply, id);
      const refused = refusal(reply);
      if (refused) {
        clients.close();
        return refused;
      }
      const ended = new AbortController();
      const stream = open(reply, { ended: () => ended.abort(), drained: () => {} });
      const signal = AbortSignal.any([ended.signal, stopping.signal]);
      stopping.signal.addEventListener("abort", () => stream.end(), { once: true, signal: ended.signal });
      streamCalls(clients, stream, clock, signal)
        .catch((error: unknown) => logger.warn(`a stream of calls for the dashboard broke: ${messageOf(error)}`))
        .finally(() => clients.close());
      return reply;
    });

    // Streams would keep the port from closing.
    app.addHook("preClose", (next) => {
      stopping.abort();
      feeds.close();
      next();
    });
    done();
  };
}
