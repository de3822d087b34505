import { createHash } from "node:crypto";

import type { DescMethod } from "@bufbuild/protobuf";
import type { FastifyInstance, FastifyPluginCallback } from "fastify";

import { SILENT_LOGGER } from "../../core/logger";
import type { DescriptorCatalog } from "../../wire/descriptor-catalog";
import { contractComment } from "../../wire/contract-comments";
import { JsonCodecs } from "../../wire/json-codec";
import type { GatewayParts } from "../gateway-parts";
import { RuleTable } from "../http-rule/rule-table";
import { openApiDocument, type OpenApiDocument } from "./document";

/** `GET /openapi.json`: what there is now. Made when it is asked for, and again when contracts came or went. */
export function openApiRoutes({ catalog }: Pick<GatewayParts, "catalog">): FastifyPluginCallback {
  return (app, _options, done) => {
    const codecs = JsonCodecs.ofCatalog(catalog);
    // Its complaints are logged where the routes are served.
    const rules = new RuleTable(catalog, codecs, SILENT_LOGGER);
    let made: MadeDocument | undefined;
    app.get("/openapi.json", { schema: { hide: true } }, (request, reply) => {
      if (made?.version !== catalog.version) made = make(app, catalog, codecs, rules);
      const { text, etag } = made;
      void reply.headers({ etag, "cache-control": "no-cache" });
      if (isSame(request.headers["if-none-match"], etag)) return reply.code(304).send();
      return reply.type("application/json; charset=utf-8").send(text);
    });
    done();
  };
}

interface MadeDocument {
  /** Of the catalogue. */
  readonly version: number;
  readonly text: string;
  readonly etag: string;
}

function make(app: FastifyInstance, catalog: DescriptorCatalog, codecs: JsonCodecs, rules: RuleTable): MadeDocument {
  const { version } = catalog;
  const routes = app.swagger() as unknown as OpenApiDocument;
  const methods = methodsOf(catalog, codecs);
  const document = openApiDocument({ routes, methods, bindings: rules.bindings, commentOf: contractComment });
  const text = JSON.stringify(document);
  const etag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
  return { version, text, etag };
}

/** Of every service that can be called and has a contract, by name. */
function methodsOf(catalog: DescriptorCatalog, codecs: JsonCodecs): readonly DescMethod[] {
  return catalog.serviceNames().flatMap((service) => {
    const declared = catalog.findSymbol(service)?.[0]?.services.find(({ fullName }) => fullName === service);
    return (declared?.methods ?? []).flatMap(({ path }) => codecs.method(path)?.method ?? []);
  });
}

/** RFC 9110, 13.1.2, by weak comparison. */
function isSame(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((each) => each.trim() === "*" || each.trim().replace(/^W\//, "") === etag);
}
