import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type Protobufjs from "protobufjs";

import { FabricError, messageOf } from "../core/errors";
import { parseDescriptorFile, type DescriptorFile, type MethodDescriptor } from "./descriptor-file";
import { DescriptorSet, serializeDescriptorSet } from "./descriptor-set";
import { wellKnownFile } from "./descriptor-well-known";
import { descriptorOf } from "./proto-descriptor";
import { readProtoSources, type ProtoSources } from "./proto-source";

export interface ProtoContractOptions {
  /** Paths of the .proto files whose services are to be served. */
  readonly files: readonly string[];
  /** Folders in which imports are looked for first. The folders of `files` come after them. Default: none. */
  readonly includeDirs?: readonly string[];
}

export interface ProtoService {
  /** Package and name. */
  readonly fullName: string;
  /** To be added to a grpc-js server. Messages are plain objects: camelCase names, 64-bit integers and enums as strings. */
  readonly definition: ServiceDefinition;
  readonly methods: readonly MethodDescriptor[];
}

export interface ProtoContract {
  /** The services that `files` declare, in their order; not those of imported files. */
  readonly services: readonly ProtoService[];
  /** Describes `services`, with all imports: what a director's reflection needs. */
  readonly descriptorSet: Uint8Array;
}

/** As the messages of generated code look, except that 64-bit integers are strings. */
const MESSAGE_FORMAT = { keepCase: false, longs: String, enums: String, defaults: true, oneofs: true } as const;

/**
 * Loads a contract without generated code.
 * @throws FabricError INVALID_ARGUMENT when a file is missing or malformed (with file and line), or no file declares a service;
 * DESCRIPTOR_CONFLICT when the contract is too large for a director
 */
export function loadProtoContract({ files, includeDirs = [] }: ProtoContractOptions): ProtoContract {
  if (files.length === 0) throw new FabricError("INVALID_ARGUMENT", "no contract is named: pass a .proto file");
  const sources = readProtoSources(files, includeDirs);
  const everything = DescriptorSet.parse(descriptorSetOf(sources), Infinity);
  const declared = sources.entries.flatMap(({ name }) => everything.files.get(name)!.services);
  if (declared.length === 0) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `no service is declared in ${files.join(", ")}: name the file that has one. Imported files do not count`,
    );
  }
  const definitions = loadSync(
    sources.entries.map(({ path }) => path),
    { ...MESSAGE_FORMAT, includeDirs: [...sources.includeDirs] },
  );
  const services = declared.map(({ fullName, methods }) => ({
    fullName,
    methods,
    definition: definitions[fullName] as ServiceDefinition,
  }));
  const descriptorSet = everything.subset(services.map(({ fullName }) => fullName));
  // A director would refuse it too, but only after the worker has started.
  DescriptorSet.parse(descriptorSet);
  return { services, descriptorSet };
}

function descriptorSetOf(sources: ProtoSources): Uint8Array {
  const wellKnown = [...sources.wellKnown].flatMap((name) => wellKnownFile(name) ?? []);
  const owners = new Map(wellKnown.flatMap(({ name, symbols }) => symbols.map((symbol) => [`.${symbol.name}`, name])));
  const fileOf = (type: Protobufjs.ReflectionObject) => type.filename ?? owners.get(type.fullName);
  const own = [...sources.files.values()].map((source): DescriptorFile => {
    try {
      const proto = descriptorOf(source, sources.root, fileOf);
      return parseDescriptorFile(toBinary(FileDescriptorProtoSchema, proto));
    } catch (cause) {
      throw new FabricError("INVALID_ARGUMENT", `${source.path}: ${messageOf(cause)}`, { cause });
    }
  });
  return serializeDescriptorSet([...wellKnown, ...own]);
}
