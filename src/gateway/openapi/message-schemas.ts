import { equals, type DescEnum, type DescField, type DescMessage, type DescOneof } from "@bufbuild/protobuf";
import { DescriptorProtoSchema, EnumDescriptorProtoSchema, FieldDescriptorProto_Label } from "@bufbuild/protobuf/wkt";

import { schemaRef, type JsonSchema } from "./json-schema";
import { mapKeySchema, scalarSchema } from "./scalar-schemas";
import { wellKnownSchema } from "./well-known-schemas";

/** What the comments of a contract say of a symbol, by its full name. */
export type CommentOf = (symbol: string) => string | undefined;

/**
 * Schemas of messages and enums in canonical protobuf JSON, by full name. Where workers of two versions have different types of one name, the
 * second is `name.v2`.
 */
export class MessageSchemas {
  readonly #commentOf: CommentOf;
  readonly #schemas = new Map<string, JsonSchema>();
  readonly #types = new Map<string, DescMessage | DescEnum>();

  constructor(commentOf: CommentOf = () => undefined) {
    this.#commentOf = commentOf;
  }

  /** All that were asked for, and what they are made of. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The schema of a message, or a reference to it. */
  message(type: DescMessage): JsonSchema {
    return wellKnownSchema(type.typeName) ?? this.#component(type, () => this.#object(type));
  }

  /** The schema of one field of a message. */
  field(field: DescField): JsonSchema {
    const schema = this.#valueOf(field);
    const description = this.#commentOf(`${field.parent.typeName}.${field.name}`);
    return {
      ...schema,
      ...(description === undefined ? {} : { description }),
      ...(field.proto.options?.deprecated === true ? { deprecated: true } : {}),
    };
  }

  #component(type: DescMessage | DescEnum, make: () => JsonSchema): JsonSchema {
    let key = type.typeName;
    for (let version = 2; this.#isAnother(key, type); version += 1) key = `${type.typeName}.v${version}`;
    if (!this.#types.has(key)) {
      this.#types.set(key, type); // before it is made: it may be part of itself
      this.#schemas.set(key, make());
    }
    return schemaRef(key);
  }

  #isAnother(key: string, type: DescMessage | DescEnum): boolean {
    const known = this.#types.get(key);
    return known !== undefined && known !== type && !isSame(known, type);
  }

  #object(type: DescMessage): JsonSchema {
    const description = this.#commentOf(type.typeName);
    const required = type.fields.filter(isRequired).map(({ jsonName }) => jsonName);
    const choices = type.oneofs.map(atMostOne);
    return {
      type: "object",
      ...(description === undefined ? {} : { description }),
      properties: Object.fromEntries(type.fields.map((field) => [field.jsonName, this.field(field)])),
      ...(required.length > 0 ? { required } : {}),
      ...(choices.length > 0 ? { allOf: choices } : {}),
      ...(type.proto.options?.deprecated === true ? { deprecated: true } : {}),
    };
  }

  #enum(type: DescEnum): JsonSchema {
    if (type.typeName === "google.protobuf.NullValue") return { type: "null" };
    return this.#component(type, () => {
      const description = this.#commentOf(type.typeName);
      const names = type.values.map(({ name }) => name);
      return { type: "string", ...(description === undefined ? {} : { description }), enum: names };
    });
  }

  #valueOf(field: DescField): JsonSchema {
    switch (field.fieldKind) {
      case "scalar":
        return scalarSchema(field.scalar);
      case "enum":
        return this.#enum(field.enum);
      case "message":
        return this.message(field.message);
      case "list":
        return { type: "array", items: this.#element(field.listKind, field) };
      case "map": {
        const propertyNames = mapKeySchema(field.mapKey);
        const additionalProperties = this.#element(field.mapKind, field);
        return { type: "object", additionalProperties, ...(propertyNames === undefined ? {} : { propertyNames }) };
      }
    }
  }

  #element(kind: "scalar" | "enum" | "message", { scalar, enum: enumeration, message }: DescField): JsonSchema {
    if (kind === "scalar") return scalarSchema(scalar!);
    return kind === "enum" ? this.#enum(enumeration!) : this.message(message!);
  }
}

function isSame(a: DescMessage | DescEnum, b: DescMessage | DescEnum): boolean {
  if (a.kind === "message" && b.kind === "message") return equals(DescriptorProtoSchema, a.proto, b.proto);
  return a.kind === "enum" && b.kind === "enum" && equals(EnumDescriptorProtoSchema, a.proto, b.proto);
}

/** Of proto2 only. */
function isRequired(field: DescField): boolean {
  return field.proto.label === FieldDescriptorProto_Label.REQUIRED;
}

function atMostOne(oneof: DescOneof): JsonSchema {
  const each = oneof.fields.map(({ jsonName }) => ({ required: [jsonName] }));
  return { oneOf: [...each, { not: { anyOf: each } }] };
}
