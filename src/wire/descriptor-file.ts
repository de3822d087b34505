import { fromBinary, type UnknownField } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

import type { MethodTraits } from "../core/call";
import { RESUMABLE_OPTION } from "../rpc/service/service-definition";

/** A symbol that a file declares. Names are full and without a leading dot. */
export interface DescriptorSymbol {
  readonly name: string;
  readonly kind: "message" | "enum" | "enum value" | "field" | "oneof" | "extension" | "service" | "method";
}

/** A type that a file uses. */
export interface DescriptorReference {
  /** Full name, without a leading dot. */
  readonly typeName: string;
  /** The symbol that uses it. */
  readonly usedBy: string;
  readonly kind: "message" | "enum";
}

export interface DescriptorExtension {
  /** Full name of the message that is extended. */
  readonly extendee: string;
  readonly number: number;
}

export interface MethodDescriptor extends MethodTraits {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly name: string;
}

export interface ServiceDescriptor {
  readonly fullName: string;
  readonly methods: readonly MethodDescriptor[];
}

/** One .proto file of a contract, taken apart. Nothing in it changes. */
export interface DescriptorFile {
  readonly name: string;
  readonly packageName: string;
  readonly imports: readonly string[];
  /** Those of `imports` that importers of this file see too. */
  readonly publicImports: readonly string[];
  readonly symbols: readonly DescriptorSymbol[];
  readonly references: readonly DescriptorReference[];
  readonly extensions: readonly DescriptorExtension[];
  readonly services: readonly ServiceDescriptor[];
  /** Serialized FileDescriptorProto, byte for byte as it came except for the comments (SourceCodeInfo). */
  readonly bytes: Uint8Array;
  /** The same, with the JSON names of fields filled in where they were left out. */
  readonly proto: FileDescriptorProto;
}

/**
 * @param bytes - a serialized FileDescriptorProto; kept, so the caller must not write to it
 * @throws Error when they are no FileDescriptorProto
 */
export function parseDescriptorFile(bytes: Uint8Array): DescriptorFile {
  const kept = withoutComments(bytes);
  const proto = fromBinary(FileDescriptorProtoSchema, kept);
  proto.messageType.forEach(nameForJson);
  const content = new FileContent(proto);
  return {
    name: proto.name,
    packageName: proto.package,
    imports: proto.dependency,
    publicImports: proto.publicDependency.flatMap((index) => proto.dependency[index] ?? []),
    symbols: content.symbols,
    references: content.references,
    extensions: content.extensions,
    services: content.services,
    bytes: kept,
    proto,
  };
}

/** Not all that makes descriptors says the names that fields have in JSON, and without them their JSON cannot be read. */
function nameForJson(message: DescriptorProto): void {
  for (const field of message.field) field.jsonName ||= jsonNameOf(field.name);
  message.nestedType.forEach(nameForJson);
}

/** As protoc makes it (ToJsonName in descriptor.cc): underscores go, and the letter after one is upper case. */
export function jsonNameOf(fieldName: string): string {
  return fieldName.replace(/_+(.?)/g, (_underscores, next: string) => next.toUpperCase());
}

const SOURCE_CODE_INFO_FIELD = 9;

/** Comments are most of a descriptor set's size, and nothing here needs them. */
function withoutComments(file: Uint8Array): Uint8Array {
  const reader = new BinaryReader(file);
  const parts: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [fieldNumber, wireType] = reader.tag();
    if (wireType === WireType.EndGroup) throw new Error(`end of a group that was not begun, at byte ${start}`);
    reader.skip(wireType, fieldNumber);
    if (fieldNumber !== SOURCE_CODE_INFO_FIELD) parts.push(file.subarray(start, reader.pos));
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Collects what a file declares and uses. */
class FileContent {
  readonly symbols: DescriptorSymbol[] = [];
  readonly references: DescriptorReference[] = [];
  readonly extensions: DescriptorExtension[] = [];
  readonly services: ServiceDescriptor[];

  constructor(file: FileDescriptorProto) {
    const scope = file.package;
    for (const message of file.messageType) this.#message(scope, message);
    for (const enumeration of file.enumType) this.#enum(scope, enumeration);
    for (const extension of file.extension) this.#extension(scope, extension);
    this.services = file.service.map((service) => {
      const fullName = join(scope, service.name);
      this.symbols.push({ name: fullName, kind: "service" });
      const methods = service.method.map((method) => {
        const usedBy = join(fullName, method.name);
        this.symbols.push({ name: usedBy, kind: "method" });
        this.#reference(method.inputType, usedBy, "message");
        this.#reference(method.outputType, usedBy, "message");
        return {
          path: `/${fullName}/${method.name}`,
          name: method.name,
          requestStream: method.clientStreaming,
          responseStream: method.serverStreaming,
          idempotent:
            (method.options?.idempotencyLevel ?? MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN) !==
            MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
          resumable: method.serverStreaming && isResumable(method.options?.$unknown ?? []),
        };
      });
      return { fullName, methods };
    });
  }

  #message(scope: string, message: DescriptorProto): void {
    const name = join(scope, message.name);
    this.symbols.push({ name, kind: "message" });
    for (const field of message.field) {
      const fieldName = join(name, field.name);
      this.symbols.push({ name: fieldName, kind: "field" });
      this.#fieldType(field, fieldName);
    }
    for (const oneof of message.oneofDecl) this.symbols.push({ name: join(name, oneof.name), kind: "oneof" });
    for (const nested of message.nestedType) this.#message(name, nested);
    for (const enumeration of message.enumType) this.#enum(name, enumeration);
    for (const extension of message.extension) this.#extension(name, extension);
  }

  #enum(scope: string, enumeration: EnumDescriptorProto): void {
    this.symbols.push({ name: join(scope, enumeration.name), kind: "enum" });
    // A value is a sibling of its enum, not a child of it: the scoping of C++.
    for (const value of enumeration.value) this.symbols.push({ name: join(scope, value.name), kind: "enum value" });
  }

  #extension(scope: string, extension: FieldDescriptorProto): void {
    const name = join(scope, extension.name);
    this.symbols.push({ name, kind: "extension" });
    this.extensions.push({ extendee: withoutDot(extension.extendee), number: extension.number });
    this.#reference(extension.extendee, name, "message");
    this.#fieldType(extension, name);
  }

  #fieldType(field: FieldDescriptorProto, usedBy: string): void {
    if (field.typeName === "") return;
    this.#reference(field.typeName, usedBy, field.type === FIELD_TYPE_ENUM ? "enum" : "message");
  }

  #reference(typeName: string, usedBy: string, kind: DescriptorReference["kind"]): void {
    this.references.push({ typeName: withoutDot(typeName), usedBy, kind });
  }
}

/** google.protobuf.FieldDescriptorProto.Type.TYPE_ENUM. */
const FIELD_TYPE_ENUM = 14;

/** `option (heddle.v1.resumable)`, an extension that nothing here is generated for. The last one counts. */
function isResumable(options: readonly UnknownField[]): boolean {
  const given = options.findLast(({ no, wireType }) => no === RESUMABLE_OPTION && wireType === WireType.Varint);
  return given !== undefined && new BinaryReader(given.data).bool();
}

function join(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

function withoutDot(typeName: string): string {
  return typeName.startsWith(".") ? typeName.slice(1) : typeName;
}
