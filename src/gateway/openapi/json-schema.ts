/** A JSON Schema of draft 2020-12, which OpenAPI 3.1 takes as it is. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export function schemaRef(key: string): JsonSchema {
  return { $ref: `#/components/schemas/${key}` };
}
