import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
  MethodOptionsSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

export type FileInit = Exclude<MessageInitShape<typeof FileDescriptorProtoSchema>, FileDescriptorProto>;

/** A proto3 file. */
export function protoFile(name: string, packageName: string, content: FileInit = {}): FileInit {
  return { name, package: packageName, syntax: "proto3", ...content };
}

export function descriptorSetBytes(...files: FileInit[]): Uint8Array {
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));
}

export function fileBytes(file: FileInit): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file));
}

type FieldInit = NonNullable<NonNullable<FileInit["messageType"]>[number]["field"]>[number];

export function stringField(name: string, number = 1): FieldInit {
  return { name, number, type: FieldDescriptorProto_Type.STRING, label: FieldDescriptorProto_Label.OPTIONAL };
}

export function messageField(name: string, typeName: string, number = 1): FieldInit {
  return {
    name,
    number,
    typeName,
    type: FieldDescriptorProto_Type.MESSAGE,
    label: FieldDescriptorProto_Label.OPTIONAL,
  };
}

export interface ServiceInit {
  readonly message: string;
  readonly idempotent?: boolean;
  readonly resumable?: boolean;
  readonly responseStream?: boolean;
}

/** `option (heddle.v1.resumable) = true` as bytes of google.protobuf.MethodOptions. */
const RESUMABLE = new BinaryWriter().tag(58_201, WireType.Varint).bool(true).finish();

/** A service whose one method, Call, takes and gives `message`. */
export function serviceOf(
  name: string,
  { message, idempotent = false, resumable = false, responseStream = false }: ServiceInit,
) {
  const options = fromBinary(MethodOptionsSchema, resumable ? RESUMABLE : new Uint8Array());
  if (idempotent) options.idempotencyLevel = MethodOptions_IdempotencyLevel.IDEMPOTENT;
  return {
    name,
    method: [
      {
        name: "Call",
        inputType: message,
        outputType: message,
        serverStreaming: responseStream,
        ...(idempotent || resumable ? { options } : {}),
      },
    ],
  };
}

/** A file with a service of one method, whose message has the fields given. */
export function serviceFile(
  name: string,
  packageName: string,
  service: Partial<ServiceInit> & {
    readonly name?: string;
    readonly fields?: FieldInit[];
    readonly imports?: string[];
  } = {},
): FileInit {
  return protoFile(name, packageName, {
    dependency: service.imports ?? [],
    messageType: [{ name: "Payload", field: service.fields ?? [stringField("text")] }],
    service: [serviceOf(service.name ?? "Api", { message: `.${packageName}.Payload`, ...service })],
  });
}
