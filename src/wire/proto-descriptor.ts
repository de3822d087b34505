import {
  create,
  fromJson,
  mergeFromBinary,
  type JsonValue,
  type MessageShape,
  type DescMessage,
} from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  Edition,
  EnumDescriptorProtoSchema,
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  ServiceDescriptorProtoSchema,
  ServiceOptionsSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import type Protobufjs from "protobufjs";

import { jsonNameOf } from "./descriptor-file";
import { protobufjs, type ProtoSource } from "./proto-source";

/**
 * Makes a FileDescriptorProto of what protobufjs parsed. protobufjs' own conversion merges the files of a package into one and
 * forgets the imports, which no reflection client accepts.
 *
 * Left out: the options of the file itself (go_package and the like), which protobufjs keeps per package.
 * @param fileOf - the name of the file that declares a type
 */
export function descriptorOf(
  source: ProtoSource,
  root: Protobufjs.Root,
  fileOf: (type: Protobufjs.ReflectionObject) => string | undefined,
): FileDescriptorProto {
  const scope = source.packageName === "" ? root : root.lookup(source.packageName);
  const content = contentOf(scope instanceof protobufjs.Namespace ? scope : root, source.name);
  const imports = new Set(source.imports);
  const use = (type: Protobufjs.ReflectionObject): string => {
    // What comes through a public import is imported directly here: protobufjs does not say which imports are public.
    const file = fileOf(type);
    if (file !== undefined && file !== source.name) imports.add(file);
    return type.fullName;
  };
  const file = create(FileDescriptorProtoSchema, {
    name: source.name,
    messageType: content.types.map((type) => messageOf(type, use)),
    enumType: content.enums.map(enumOf),
    service: content.services.map((service) => serviceOf(service, use)),
    extension: content.extensions.map((field) => fieldOf(field, use)),
  });
  if (source.packageName !== "") file.package = source.packageName;
  if (source.syntax === "2023") {
    file.syntax = "editions";
    file.edition = Edition.EDITION_2023;
  } else if (source.syntax === "proto3") {
    file.syntax = "proto3";
  }
  file.dependency = [...imports];
  return file;
}

/** Notes that a type is used, and gives its full name with a leading dot. */
type UseType = (type: Protobufjs.ReflectionObject) => string;

interface Content {
  readonly types: readonly Protobufjs.Type[];
  readonly enums: readonly Protobufjs.Enum[];
  readonly services: readonly Protobufjs.Service[];
  readonly extensions: readonly Protobufjs.Field[];
}

/** What is declared directly in `scope`, by the file of that name or, without one, by any. */
function contentOf(scope: Protobufjs.NamespaceBase, fileName?: string): Content {
  const nested = scope.nestedArray.filter(({ filename }) => fileName === undefined || filename === fileName);
  return {
    types: nested.filter((object) => object instanceof protobufjs.Type),
    enums: nested.filter((object) => object instanceof protobufjs.Enum),
    services: nested.filter((object) => object instanceof protobufjs.Service),
    extensions: nested.filter((object) => object instanceof protobufjs.Field),
  };
}

const RANGE_END_MAX = 536_870_911;

function messageOf(type: Protobufjs.Type, use: UseType): DescriptorProto {
  const content = contentOf(type);
  // An extension also puts a field into the message it extends; that field is not part of the message's declaration.
  const fields = type.fieldsArray.filter(({ declaringField }) => !declaringField);
  // Protobuf wants the oneofs that only stand for `optional` after the others.
  const oneofs = type.oneofsArray.filter((oneof) => !isSynthetic(oneof)).concat(type.oneofsArray.filter(isSynthetic));
  const reserved: readonly (number[] | string)[] = type.reserved ?? [];
  const message = create(DescriptorProtoSchema, {
    name: type.name,
    field: fields.map((field) => {
      const descriptor = fieldOf(field, use);
      if (field.partOf) descriptor.oneofIndex = oneofs.indexOf(field.partOf);
      return descriptor;
    }),
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    nestedType: [
      ...content.types.map((nested) => messageOf(nested, use)),
      ...fields.filter((field) => field instanceof protobufjs.MapField).map((field) => mapEntryOf(field, use)),
    ],
    enumType: content.enums.map(enumOf),
    extension: content.extensions.map((field) => fieldOf(field, use)),
    extensionRange: (type.extensions ?? []).map(([start = 0, end = start]) => ({
      start,
      end: Math.min(end, RANGE_END_MAX) + 1,
    })),
    reservedRange: reserved
      .filter((range) => typeof range !== "string")
      .map(([start = 0, end = start]) => ({ start, end: Math.min(end, RANGE_END_MAX) + 1 })),
    reservedName: reserved.filter((name) => typeof name === "string"),
  });
  const options = optionsOf(MessageOptionsSchema, type);
  if (options) message.options = options;
  return message;
}

function isSynthetic(oneof: Protobufjs.OneOf): boolean {
  return oneof.fieldsArray.length === 1 && isProto3Optional(oneof.fieldsArray[0]!);
}

function isProto3Optional(field: Protobufjs.FieldBase): boolean {
  return field.options?.["proto3_optional"] === true;
}

function fieldOf(field: Protobufjs.Field, use: UseType): FieldDescriptorProto {
  const isMap = field instanceof protobufjs.MapField;
  const descriptor = create(FieldDescriptorProtoSchema, {
    name: field.name,
    number: field.id,
    label: labelOf(field),
    jsonName: (field.options?.["json_name"] as string | undefined) ?? jsonNameOf(field.name),
    ...(isMap
      ? {
          type: FieldDescriptorProto_Type.MESSAGE,
          typeName: `${field.parent!.fullName}.${mapEntryName(field.name)}`,
        }
      : typeOf(field.type, field.resolvedType, use)),
  });
  if (field.extend !== undefined) descriptor.extendee = use(field.parent!.lookupType(field.extend));
  if (isProto3Optional(field)) descriptor.proto3Optional = true;
  const defaultValue: unknown = field.options?.["default"];
  if (defaultValue !== undefined) descriptor.defaultValue = String(defaultValue);
  const options = optionsOf(FieldOptionsSchema, field, ["default", "json_name", "proto3_optional"]);
  if (options) descriptor.options = options;
  return descriptor;
}

function labelOf(field: Protobufjs.Field): FieldDescriptorProto_Label {
  if (field.repeated || field instanceof protobufjs.MapField) return FieldDescriptorProto_Label.REPEATED;
  return field.required ? FieldDescriptorProto_Label.REQUIRED : FieldDescriptorProto_Label.OPTIONAL;
}

function typeOf(
  type: string,
  resolved: Protobufjs.Type | Protobufjs.Enum | null,
  use: UseType,
): { type: FieldDescriptorProto_Type; typeName?: string } {
  if (!resolved) {
    return { type: FieldDescriptorProto_Type[type.toUpperCase() as keyof typeof FieldDescriptorProto_Type] };
  }
  const typeName = use(resolved);
  if (resolved instanceof protobufjs.Enum) return { type: FieldDescriptorProto_Type.ENUM, typeName };
  return { type: isGroup(resolved) ? FieldDescriptorProto_Type.GROUP : FieldDescriptorProto_Type.MESSAGE, typeName };
}

/** Not in protobufjs' types, but set by its parser. */
function isGroup(type: Protobufjs.Type & { readonly group?: boolean }): boolean {
  return type.group === true;
}

/** `map<K, V> some_name` is, on the wire and in descriptors, `repeated SomeNameEntry some_name`. */
function mapEntryOf(field: Protobufjs.MapField, use: UseType): DescriptorProto {
  const label = FieldDescriptorProto_Label.OPTIONAL;
  return create(DescriptorProtoSchema, {
    name: mapEntryName(field.name),
    field: [
      { name: "key", jsonName: "key", number: 1, label, ...typeOf(field.keyType, null, use) },
      { name: "value", jsonName: "value", number: 2, label, ...typeOf(field.type, field.resolvedType, use) },
    ],
    options: { mapEntry: true },
  });
}

function mapEntryName(fieldName: string): string {
  const camelCase = jsonNameOf(fieldName);
  return `${camelCase.charAt(0).toUpperCase()}${camelCase.slice(1)}Entry`;
}

function enumOf(enumeration: Protobufjs.Enum): EnumDescriptorProto {
  const reserved: readonly (number[] | string)[] = enumeration.reserved ?? [];
  const descriptor = create(EnumDescriptorProtoSchema, {
    name: enumeration.name,
    value: Object.entries(enumeration.values).map(([name, number]) => {
      const given = (enumeration.valuesOptions as Record<string, object | undefined> | undefined)?.[name];
      const options = given && optionsOf(EnumValueOptionsSchema, { options: given as Record<string, unknown> });
      return options ? { name, number, options } : { name, number };
    }),
    // Unlike that of a message, the end of an enum's range is part of it.
    reservedRange: reserved
      .filter((range) => typeof range !== "string")
      .map(([start = 0, end = start]) => ({ start, end: Math.min(end, 0x7fff_ffff) })),
    reservedName: reserved.filter((name) => typeof name === "string"),
  });
  const options = optionsOf(EnumOptionsSchema, enumeration);
  if (options) descriptor.options = options;
  return descriptor;
}

function serviceOf(service: Protobufjs.Service, use: UseType): ServiceDescriptorProto {
  const descriptor = create(ServiceDescriptorProtoSchema, {
    name: service.name,
    method: service.methodsArray.map((method) => {
      const options = optionsOf(MethodOptionsSchema, method);
      return {
        name: method.name,
        inputType: use(method.resolvedRequestType!),
        outputType: use(method.resolvedResponseType!),
        ...(method.requestStream ? { clientStreaming: true } : {}),
        ...(method.responseStream ? { serverStreaming: true } : {}),
        ...(options ? { options } : {}),
      };
    }),
  });
  const options = optionsOf(ServiceOptionsSchema, service);
  if (options) descriptor.options = options;
  return descriptor;
}

type Optioned = Partial<Pick<Protobufjs.ReflectionObject, "parsedOptions" | "parent">> & {
  readonly options?: Record<string, unknown> | undefined;
};

/** The options that Protobuf defines are set by name, custom ones (in parentheses) by the number of their extension. */
function optionsOf<S extends DescMessage>(
  schema: S,
  object: Optioned,
  except: readonly string[] = [],
): MessageShape<S> | undefined {
  const standard = Object.entries(object.options ?? {}).filter(
    ([name]) => !name.startsWith("(") && !except.includes(name),
  );
  const custom = customOptions(object);
  if (standard.length === 0 && custom.length === 0) return undefined;
  const json = Object.fromEntries(standard) as JsonValue;
  const options = fromJson(schema, json, { ignoreUnknownFields: true });
  for (const bytes of custom) mergeFromBinary(schema, options, bytes);
  return options;
}

function customOptions({ parsedOptions, parent }: Optioned): Uint8Array[] {
  const given = (parsedOptions ?? []) as readonly Record<string, unknown>[];
  return given.flatMap(Object.entries<unknown>).flatMap(([name, value]) => {
    const extension = name.startsWith("(") && parent ? parent.lookup(name.slice(1, -1)) : null;
    return extension instanceof protobufjs.Field ? [encodeOption(extension, value)] : [];
  });
}

/** Encodes through a message that has the extension as its only field, whatever its type. */
function encodeOption(extension: Protobufjs.Field, value: unknown): Uint8Array {
  const holder = new protobufjs.Type("HeddleOptionHolder");
  holder.add(new protobufjs.Field("value", extension.id, extension.type, extension.repeated ? "repeated" : undefined));
  const scope = extension.parent!;
  scope.add(holder);
  try {
    return holder.encode(holder.fromObject(withLists(holder, { value }))).finish();
  } finally {
    scope.remove(holder);
  }
}

/** In an option a list with one element looks like the element: the parser does not know the types. */
function withLists(type: Protobufjs.Type, value: object): object {
  const fields = Object.entries(value).map(([name, given]: [string, unknown]) => {
    const field = type.fields[name]?.resolve();
    if (!field) return [name, given];
    const { resolvedType } = field;
    const element = (one: unknown) =>
      resolvedType instanceof protobufjs.Type && typeof one === "object" && one !== null
        ? withLists(resolvedType, one)
        : one;
    if (Array.isArray(given)) return [name, given.map(element)];
    return [name, field.repeated ? [element(given)] : element(given)];
  });
  return Object.fromEntries(fields) as object;
}
