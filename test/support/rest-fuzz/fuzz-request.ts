import fc from "fast-check";

import type { OpenApi, Operation, Parameter } from "../http/openapi-rules";
import { fromSchema } from "./from-schema";

/** A request as it goes onto the socket. */
export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Target {
  readonly method: string;
  /** As the document has it: "/nodes/{id}". */
  readonly path: string;
  readonly operation: Operation;
}

export function targetsOf({ paths }: OpenApi): readonly Target[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

const ODD_TEXT = fc.oneof(
  fc.constantFrom(
    "",
    "..",
    "../../etc/passwd",
    "\0",
    "null",
    "__proto__",
    "constructor",
    "💥",
    "ﬀ",
    "%",
    "a/b",
    "?",
    "-1",
    "1e999",
  ),
  fc.string({ maxLength: 30, unit: "binary" }),
  fc.integer({ min: 100, max: 5_000 }).map((length) => "x".repeat(length)),
);

const JUNK: fc.Arbitrary<unknown> = fc.oneof(
  ODD_TEXT,
  fc.constantFrom<unknown>(null, true, -1, 1.5, 2 ** 53, 1e308, [], {}, [[]], { "": "" }, { "@type": "x" }),
  fc.jsonValue({ maxDepth: 3 }),
);

const ODD_BODY = fc.oneof(
  fc.string({ maxLength: 40, unit: "binary" }),
  fc.constantFrom(
    "",
    "{",
    "[]",
    "null",
    '"text"',
    "0",
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    "\ufeff{}",
    '{"a":"\ud800"}',
  ),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => "[".repeat(depth) + "]".repeat(depth)),
  fc.integer({ min: 1, max: 5_000 }).map((depth) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth)),
  fc.integer({ min: 1, max: 200_000 }).map((length) => JSON.stringify({ name: "x".repeat(length) })),
);

const ODD_HEADERS: fc.Arbitrary<Readonly<Record<string, string>>> = fc.constantFrom<Readonly<Record<string, string>>>(
  {},
  {},
  {},
  {},
  { accept: "text/event-stream" },
  { accept: "nonsense" },
  { "content-type": "text/plain" },
  { "content-type": "application/x-www-form-urlencoded" },
  { "content-type": "application/x-ndjson" },
  { "content-type": "application/proto" },
  { "content-type": ";;;" },
  { "connect-protocol-version": "1" },
  { "connect-timeout-ms": "nonsense" },
  { "grpc-timeout": "99999999999H" },
  { "content-encoding": "gzip" },
  { "if-none-match": "*" },
  { "heddle-match": "((((" },
  { "heddle-director": "nobody" },
  { "grpc-metadata-x-bin": "%%%" },
  { authorization: "x".repeat(8_000) },
  { "last-event-id": "-1" },
  { expect: "100-continue" },
  { origin: "http://evil.example" },
);

/** Requests for one operation: as it wants them, nearly so, and not at all so. @param ids - of what is there now */
export function fuzzRequest(
  target: Target,
  { components }: OpenApi,
  ids: readonly string[],
): fc.Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = target.operation;
  const json = requestBody?.content["application/json"]?.schema;
  const lines = requestBody?.content["application/x-ndjson"];
  const line = (lines as { readonly "x-itemSchema"?: object } | undefined)?.["x-itemSchema"];
  const schema = json ?? line;
  const valid = schema === undefined ? fc.constant(undefined) : fromSchema(schema, components.schemas);
  const body = fc.oneof(
    { weight: 5, arbitrary: valid.map((value) => (value === undefined ? undefined : JSON.stringify(value))) },
    {
      weight: 3,
      arbitrary: fc.tuple(valid, JUNK, fc.nat()).map(([value, junk, at]) => JSON.stringify(spoilt(value, junk, at))),
    },
    { weight: 2, arbitrary: ODD_BODY },
  );
  return fc
    .record({
      path: pathOf(target.path, parameters, components.schemas, ids),
      query: queryOf(parameters, components.schemas),
      odd: ODD_HEADERS,
      body: target.method === "GET" || target.method === "HEAD" ? fc.constant(undefined) : body,
    })
    .map(({ path, query, odd, body: text }) => ({
      method: target.method,
      path: path + query,
      headers: {
        // Streams end by it.
        "connect-timeout-ms": "250",
        ...(text === undefined
          ? {}
          : { "content-type": json === undefined && line ? "application/x-ndjson" : "application/json" }),
        ...odd,
      },
      body: text,
    }));
}

function pathOf(
  path: string,
  parameters: readonly Parameter[],
  schemas: OpenApi["components"]["schemas"],
  ids: readonly string[],
): fc.Arbitrary<string> {
  const known = ids.length > 0 ? fc.constantFrom(...ids) : fc.constant("nobody");
  const values = parameters
    .filter((each) => each.in === "path")
    .map(({ name, schema = {} }) =>
      fc
        .oneof(
          { weight: 4, arbitrary: known },
          { weight: 2, arbitrary: fromSchema(schema, schemas) },
          { weight: 2, arbitrary: ODD_TEXT },
        )
        .map((value) => [name, encodeURIComponent(wellFormed(String(value)))] as const),
    );
  const whole = fc.tuple(...values).map((each) => {
    const given = Object.fromEntries(each);
    return path.replace(/\{([^}]+)\}/g, (_all, name: string) => given[name] ?? "x");
  });
  const odd = fc
    .tuple(whole, fc.constantFrom("/", "//", "/..", "%", "%00", "%ff", ";x", "/%2e%2e/", "#", "?"))
    .map(([a, b]) => a + b);
  return fc.oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: odd });
}

function queryOf(parameters: readonly Parameter[], schemas: OpenApi["components"]["schemas"]): fc.Arbitrary<string> {
  const named = parameters.filter((each) => each.in === "query");
  const pairs = named.map(({ name, schema, content }) =>
    fc
      .option(
        fc.oneof(
          { weight: 3, arbitrary: fromSchema(schema ?? content?.["application/json"]?.schema ?? {}, schemas) },
          { weight: 1, arbitrary: ODD_TEXT },
        ),
      )
      .map((value) => [name, value] as const),
  );
  const odd = fc.tuple(ODD_TEXT, ODD_TEXT);
  return fc.tuple(fc.tuple(...pairs), fc.option(odd, { freq: 8 })).map(([given, extra]) => {
    const all = [...given, ...(extra ? [extra] : [])].filter(([, value]) => value !== null);
    const text = all.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
    return text === "" ? "" : `?${text}`;
  });
}

function encode(value: unknown): string {
  return encodeURIComponent(wellFormed(typeof value === "object" ? JSON.stringify(value) : String(value)));
}

/** encodeURIComponent throws at halves of surrogate pairs. */
function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, "\ufffd");
}

/** The value with junk somewhere in it: in the place of a field, or as a field that does not exist. */
function spoilt(value: unknown, junk: unknown, at: number): unknown {
  if (typeof value !== "object" || value === null) return junk;
  if (Array.isArray(value))
    return value.length === 0 ? [junk] : value.with(at % value.length, spoilt(value[at % value.length], junk, at >> 1));
  const names = Object.keys(value);
  const name = names[at % (names.length + 1)];
  if (name === undefined) return { ...value, nonsense: junk };
  const inner = (value as Record<string, unknown>)[name];
  if (at % 3 === 0) return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
  return { ...value, [name]: at % 3 === 1 ? junk : spoilt(inner, junk, at >> 1) };
}
