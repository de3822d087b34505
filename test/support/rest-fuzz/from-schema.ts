import fc from "fast-check";

type Schema = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, object>>;

/** How deep generated values go; below that, what may be left out is. */
const DEPTH_MAX = 4;

/** Values that a schema of our documents allows, or nearly: formats are guessed. */
export function fromSchema(schema: object, schemas: Schemas, depth = 0): fc.Arbitrary<unknown> {
  const given = schema as Schema;
  const inner = (each: unknown) => fromSchema(each as object, schemas, depth + 1);
  if (typeof given["$ref"] === "string") {
    const key = given["$ref"].replace("#/components/schemas/", "");
    return fromSchema(schemas[key] ?? {}, schemas, depth);
  }
  if (Array.isArray(given["enum"])) return fc.constantFrom(...(given["enum"] as unknown[]));
  if ("const" in given) return fc.constant(given["const"]);
  const choices = (given["anyOf"] ?? (given["properties"] === undefined ? given["oneOf"] : undefined)) as
    unknown[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map(inner));
  const type = Array.isArray(given["type"]) ? (given["type"] as string[])[0] : given["type"];
  switch (type) {
    case "object":
      return objectOf(given, inner, depth);
    case "array":
      return fc.array(inner(given["items"] ?? {}), { maxLength: depth < DEPTH_MAX ? 3 : 0 });
    case "string":
      return textOf(given);
    case "integer":
      return fc.integer({
        min: (given["minimum"] as number | undefined) ?? -5,
        max: (given["maximum"] as number | undefined) ?? 500,
      });
    case "number":
      return fc.double({
        min: (given["minimum"] as number | undefined) ?? -5,
        max: (given["maximum"] as number | undefined) ?? 100,
        noNaN: true,
      });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(
  schema: Schema,
  inner: (each: unknown) => fc.Arbitrary<unknown>,
  depth: number,
): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema["properties"] ?? {}) as Schema);
  const required = (schema["required"] ?? []) as string[];
  const wanted = properties.filter(([name]) => depth < DEPTH_MAX || required.includes(name));
  const known = fc.record(Object.fromEntries(wanted.map(([name, each]) => [name, inner(each)])), {
    requiredKeys: required.filter((name) => wanted.some(([each]) => each === name)),
  });
  const further = schema["additionalProperties"];
  if (typeof further !== "object" || depth >= DEPTH_MAX) return known;
  const keys = fc.string({ minLength: 1, maxLength: 12 }).filter((key) => key !== "__proto__");
  return fc.tuple(known, fc.dictionary(keys, inner(further), { maxKeys: 3 })).map(([a, b]) => ({ ...b, ...a }));
}

/** Words that mean something somewhere, so that not all is refused at the first look. */
const WORDS = [
  "",
  "w1",
  "n1",
  "127.0.0.1:5000",
  "10.0.0.7",
  "round-robin",
  "least-connections",
  "heddle.compute.v1.ComputeService",
  "echo",
];

function textOf(schema: Schema): fc.Arbitrary<string> {
  const { pattern, format } = schema;
  if (typeof pattern === "string") return fc.stringMatching(new RegExp(pattern));
  if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (format === "byte") return fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const minLength = (schema["minLength"] as number | undefined) ?? 0;
  const maxLength = Math.min((schema["maxLength"] as number | undefined) ?? 24, 400);
  const words = WORDS.filter((word) => word.length >= minLength);
  return fc.oneof(
    fc.constantFrom(...(words.length > 0 ? words : ["x".repeat(minLength)])),
    fc.string({ minLength, maxLength }),
    fc.string({ minLength, maxLength, unit: "grapheme" }),
  );
}
