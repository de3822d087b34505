import { dirname, join } from "node:path";

import fastifyStatic from "@fastify/static";
import type { FastifyPluginCallback } from "fastify";

import { PAGE_POLICY } from "../guard/security-headers";

const ASSETS = new Set(["/swagger-ui.css", "/swagger-ui-bundle.js", "/favicon-32x32.png"]);

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Heddle: HTTP API</title>
    <link rel="icon" href="/docs/favicon-32x32.png" />
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/start.js" defer></script>
  </head>
  <body>
    <div id="docs"></div>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  validatorUrl: null,
  queryConfigEnabled: false,
});
`;

const HIDDEN = { schema: { hide: true } };

/** `GET /docs`: /openapi.json for people, by Swagger UI from its own package. Nothing comes from elsewhere. */
export function docsPage(): FastifyPluginCallback {
  return (app, _options, done) => {
    app.addHook("onRequest", (_request, reply, next) => {
      void reply.header("content-security-policy", PAGE_POLICY);
      next();
    });
    app.get("/docs", HIDDEN, (_request, reply) => reply.type("text/html; charset=utf-8").send(PAGE));
    app.get("/docs/", HIDDEN, (_request, reply) => reply.redirect("/docs"));
    app.get("/docs/start.js", HIDDEN, (_request, reply) => reply.type("text/javascript; charset=utf-8").send(START));
    void app.register(fastifyStatic, {
      root: join(dirname(require.resolve("@fastify/swagger-ui/package.json")), "static"),
      prefix: "/docs/",
      allowedPath: (path) => ASSETS.has(path),
      decorateReply: false,
      index: false,
      schemaHide: true,
      maxAge: "1h",
    });
    done();
  };
}
