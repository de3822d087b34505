import { join } from "node:path";
import type { FastifyRequest } from "fastify";
import { SILENT_LOGGER } from "../../../../src/core/logger";
import { messageOf } from "../../../../src/core/errors";
import { ruleCall } from "../../../../src/gateway/http-rule/rule-call";
import { RuleTable } from "../../../../src/gateway/http-rule/rule-table";
import { DescriptorCatalog } from "../../../../src/wire/descriptor-catalog";
import { descriptorSetHash } from "../../../../src/wire/descriptor-set";
import { JsonCodecs } from "../../../../src/wire/json-codec";
import { loadProtoContract } from "../../../../src/wire/proto-contract";

const { descriptorSet } = loadProtoContract({ files: [join(__dirname, "../../../support/gateway/shelves.proto")] });
const hash = descriptorSetHash(descriptorSet);
const ALL = { descriptorSetHash: hash, services: ["shelves.v1.ShelfService", "shelves.v1.Twin"] };

function tableOf() {
  const catalog = new DescriptorCatalog();
  catalog.add(hash, descriptorSet);
  catalog.sync([ALL]);
  const log: string[] = [];
  const logger = { ...SILENT_LOGGER, warn: (message: string) => void log.push(message) };
  return { catalog, log, table: new RuleTable(catalog, JsonCodecs.ofCatalog(catalog), logger) };
}

const { table } = tableOf();

/** The method that a request calls, and its message; or why there is none. */
function call(httpMethod: string, url: string, body?: unknown): readonly [method: string, message: unknown] | string {
  const [path = "", search = ""] = url.split("?");
  const found = table.find(httpMethod, path);
  if (found?.kind !== "route") return found === undefined ? "nothing" : `only ${found.allow.join()}`;
  const query: Record<string, string | string[]> = {};
  for (const name of new Set(new URLSearchParams(search).keys())) {
    const values = new URLSearchParams(search).getAll(name);
    query[name] = values.length === 1 ? values[0]! : values;
  }
  const text = body === undefined ? undefined : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const headers = text === undefined ? {} : { "content-type": "application/json" };
  const request = { query, headers, body: text } as unknown as FastifyRequest;
  try {
    const { method, requests } = ruleCall(found.route, found.segments, request);
    const bytes = requests.kind === "single" ? requests.bytes : new Uint8Array();
    return [method.method.name, method.request.decode(bytes)];
  } catch (error) {
    return messageOf(error);
  }
}

describe("A request by google.api.http", () => {
  it("takes fields from the path, and all others from the query", () => {
    expect(call("GET", "/v1/shelves/7")).toEqual(["GetShelf", { name: "shelves/7" }]);
    expect(call("GET", "/v1/shelves/7/by-id")).toEqual(["GetShelf", { name: "7" }]);
    expect(call("GET", "/v1/archive/a/b")).toEqual(["GetShelf", { shelf: { name: "archive/a/b" } }]);
    const query =
      "numbers=1&numbers=9007199254740993&deep=true&kind=KIND_SMALL&within=1.5s&maybe=false&shelf.theme=x&shelf.inner.name=y&token=AP8%3D&page_size=5";
    expect(call("GET", `/v1/shelves/7?${query}`)).toEqual([
      "GetShelf",
      {
        name: "shelves/7",
        numbers: ["1", "9007199254740993"],
        deep: true,
        kind: "KIND_SMALL",
        within: "1.500s",
        maybe: false,
        shelf: { theme: "x", inner: { name: "y" } },
        token: "AP8=",
        pageSize: 5,
      },
    ]);
    expect(call("GET", "/v1/shelves/7?kind=1&pageSize=3&numbers=4")).toEqual(["GetShelf", { name: "shelves/7", kind: "KIND_SMALL", pageSize: 3, numbers: ["4"] }]); // prettier-ignore
  });

  it("takes a field, or everything, from the body; what the path says counts before that", () => {
    expect(call("POST", "/v1/shelves?deep=true", { theme: "x" })).toEqual(["CreateShelf", { deep: true, shelf: { theme: "x" } }]); // prettier-ignore
    expect(call("POST", "/v1/shelves/7:move", { name: "other", page_size: 2 })).toEqual(["MoveShelf", { name: "shelves/7", pageSize: 2 }]); // prettier-ignore
    expect(call("PATCH", "/v1/shelves/7", { name: "other", theme: "x" })).toEqual(["UpdateShelf", { shelf: { name: "shelves/7", theme: "x" } }]); // prettier-ignore
    expect(call("DELETE", "/v1/shelves/7")).toEqual(["DeleteShelf", { name: "shelves/7" }]);
    expect(call("POST", "/v1/shelves")).toEqual(["CreateShelf", {}]);
  });

  it("answers the field that response_body names, with its default where it is not set", () => {
    const found = table.find("PATCH", "/v1/shelves/7");
    const route = found?.kind === "route" ? found.route : undefined;
    const request = { query: {}, headers: {}, body: undefined } as unknown as FastifyRequest;
    const { method, shape } = ruleCall(route!, ["v1", "shelves", "7"], request);
    expect(shape.answer(method.answer.encode({ theme: "x" }))).toBe('"x"');
    expect(shape.answer(method.answer.encode({}))).toBe('""');
  });

  it("has any HTTP method where the rule says so, and names those there are where it does not", () => {
    expect(call("REPORT", "/v1/reports/x")).toEqual(["ReportShelf", { name: "x" }]);
    expect(call("PUT", "/v1/shelves/7")).toBe("only DELETE,GET,PATCH");
    expect(call("GET", "/v2")).toBe("nothing");
  });

  it.each([
    ["/v1/shelves/7?nam=x", "nam: shelves.v1.Query has no such field: did you mean name?"],
    ["/v1/shelves/7?name=x", 'the query has "name", which the path says'],
    ["/v1/shelves/7?deep=maybe", 'deep: it is "maybe": use true or false'],
    ["/v1/shelves/7?deep=true&deep=false", "deep: it comes 2 times, and takes one value"],
    ["/v1/shelves/7?shelf=x", "shelf: it is a shelves.v1.Shelf"],
    ["/v1/shelves/7?labels=x", "labels: it is a map"],
    ["/v1/shelves/7?pageSize=many", "pageSize (in shelves.v1.Query)"],
    ["/v1/shelves/7?kind=KIND_HUGE", "kind (in shelves.v1.Query)"],
    ["/v1/shelves/7?__proto__.x=1", "__proto__.x: shelves.v1.Query has no such field"],
    ["/v1/shelves/7?within=long", "within (in shelves.v1.Query)"],
    ["/v1/shelves/%ff", "name: the path has what is no percent-encoding"],
  ])("is refused at %s", (url, message) => {
    expect(call("GET", url)).toContain(message);
  });

  it("is refused with a body that does not fit", () => {
    expect(call("POST", "/v1/shelves?shelf.name=x", { theme: "x" })).toContain("which is the body");
    expect(call("POST", "/v1/shelves/7:move?deep=true", {})).toContain("takes everything in its body");
    expect(call("POST", "/v1/shelves/7:move", [])).toContain("the body is no object");
    expect(call("POST", "/v1/shelves", "{bad")).toContain("it is no JSON");
    expect(call("POST", "/v1/shelves", '{"theme":"a","theme":"b"}')).toContain('the key "theme" comes twice');
  });
});

describe("Routes of contracts", () => {
  it("of two services that have the same go to the first by name, which is logged once", () => {
    const { table: own, catalog, log } = tableOf();
    const route = () => {
      const found = own.find("POST", "/v1/shelves");
      return found?.kind === "route" ? found.route.method.path : undefined;
    };
    expect(route()).toBe("/shelves.v1.ShelfService/CreateShelf");
    const conflicts = () => log.filter((line) => line.includes("is not at"));
    expect(conflicts()).toEqual(["/shelves.v1.Twin/Take is not at POST /v1/shelves: /shelves.v1.ShelfService/CreateShelf is"]); // prettier-ignore
    catalog.sync([{ ...ALL, services: ["shelves.v1.Twin"] }]);
    expect(route()).toBe("/shelves.v1.Twin/Take");
    catalog.sync([ALL]);
    expect(route()).toBe("/shelves.v1.ShelfService/CreateShelf");
    expect(conflicts()).toHaveLength(1);
    catalog.sync([]);
    expect(route()).toBeUndefined();
  });

  it("that cannot be are logged with the reason, and leave the others of their method be", () => {
    const { table: own, log } = tableOf();
    expect(own.find("GET", "/v1/still-here")).toMatchObject({ kind: "route" });
    const reasons = log.filter((line) =>
      line.startsWith("the google.api.http option of /shelves.v1.ShelfService/Broken"),
    );
    expect(reasons).toEqual([
      expect.stringContaining("names the field nothing, which shelves.v1.Query does not have"),
      expect.stringContaining('"**" is not the last segment'),
      expect.stringContaining("names the field numbers, which no text in a path can be"),
      expect.stringContaining('its body is "nothing", which is no field'),
      expect.stringContaining('its method is "GE T", which HTTP cannot have'),
    ]);
  });
});
