import { join } from "node:path";

import { SILENT_LOGGER } from "../../../../src/core/logger";
import { RuleTable } from "../../../../src/gateway/http-rule/rule-table";
import { openApiDocument } from "../../../../src/gateway/openapi/document";
import { DescriptorCatalog } from "../../../../src/wire/descriptor-catalog";
import { descriptorSetHash } from "../../../../src/wire/descriptor-set";
import { JsonCodecs } from "../../../../src/wire/json-codec";
import { loadProtoContract } from "../../../../src/wire/proto-contract";
import { openApiFaults, type OpenApi } from "../../../support/http/openapi-rules";

const CONTRACTS = join(__dirname, "../../../support/gateway");

/** Of a catalogue with these contracts, and a route of a plugin. */
function documentOf(...files: readonly string[]): OpenApi {
  const catalog = new DescriptorCatalog();
  for (const file of files) {
    const { descriptorSet } = loadProtoContract({ files: [join(CONTRACTS, file)] });
    catalog.add(descriptorSetHash(descriptorSet), descriptorSet);
  }
  const codecs = JsonCodecs.ofCatalog(catalog);
  const paths = catalog.serviceNames().flatMap((name) => catalog.methodNames(name).map((each) => `/${name}/${each}`));
  return openApiDocument({
    routes: {
      openapi: "3.1.0",
      info: { title: "test", version: "1" },
      paths: { "/v1/shelves": { get: { tags: ["own"], responses: { "200": { description: "of a plugin" } } } } },
      components: { schemas: {} },
    },
    methods: paths.map((path) => codecs.method(path)!.method),
    bindings: new RuleTable(catalog, codecs, SILENT_LOGGER).bindings,
    commentOf: (symbol) => (symbol.endsWith("MoveShelf") ? "Moves a shelf. It takes its books along." : undefined),
  }) as unknown as OpenApi;
}

describe("An OpenAPI document", () => {
  const shelves = documentOf("shelves.proto");
  const at = (path: string, method: string) => shelves.paths[path]![method]!;

  it("is what OpenAPI 3.1 asks for, whatever the contracts have", () => {
    expect(openApiFaults(shelves)).toEqual([]);
    expect(openApiFaults(documentOf("catalogue.proto", "library.proto"))).toEqual([]);
  });

  it("has the routes of google.api.http, with their parameters", () => {
    const routes = Object.entries(shelves.paths)
      .filter(([path]) => path.startsWith("/v1/"))
      .flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
    expect(routes).toEqual(
      expect.arrayContaining([
        "get /v1/shelves/{name}",
        "get /v1/shelves/{name}/by-id",
        "get /v1/archive/{shelf.name}",
        "post /v1/shelves/{name}:move",
        "patch /v1/shelves/{shelf.name}",
        "delete /v1/shelves/{name}",
        "put /v1/reports/{name}",
      ]),
    );
    const names = (at("/v1/shelves/{name}", "get").parameters ?? []).map(({ name, in: place }) => `${place} ${name}`);
    expect(names).toEqual(expect.arrayContaining(["path name", "query shelf.name", "header Connect-Timeout-Ms"]));
    expect(names).not.toContain("query name");
  });

  it("has the body and the answer that a rule says", () => {
    expect(at("/v1/shelves/{name}:move", "post").requestBody!.content["application/json"]!.schema).toEqual({
      $ref: "#/components/schemas/shelves.v1.Query",
    });
    expect(at("/v1/shelves/{shelf.name}", "patch").requestBody!.content["application/json"]!.schema).toEqual({
      $ref: "#/components/schemas/shelves.v1.Shelf",
    });
    expect(at("/v1/shelves/{name}", "get").requestBody).toBeUndefined();
    expect(at("/v1/shelves/{name}:move", "post")).toMatchObject({ summary: "Moves a shelf" });
  });

  it("leaves a route to the plugin that has it", () => {
    expect(at("/v1/shelves", "get").tags).toEqual(["own"]);
    expect(at("/v1/shelves", "post").tags).toEqual(["shelves.v1.ShelfService"]);
  });
});
