import { toBinary, type DescFile } from "@bufbuild/protobuf";
import * as wellKnownTypes from "@bufbuild/protobuf/wkt";

import { parseDescriptorFile, type DescriptorFile } from "./descriptor-file";

const SOURCES: ReadonlyMap<string, DescFile> = new Map(
  Object.entries(wellKnownTypes)
    .filter(([name]) => name.startsWith("file_google_protobuf_"))
    .map(([, file]) => [(file as DescFile).proto.name, file as DescFile]),
);

const parsed = new Map<string, DescriptorFile>();

/** Whether the file belongs to Protobuf itself. Every compiler ships its own copy, and the copies differ in their options. */
export function isWellKnownFile({ name, packageName }: Pick<DescriptorFile, "name" | "packageName">): boolean {
  return name.startsWith("google/protobuf/") && /^google\.protobuf(\.|$)/.test(packageName);
}

/** A file that every Protobuf compiler brings along, such as google/protobuf/timestamp.proto. */
export function wellKnownFile(name: string): DescriptorFile | undefined {
  const source = SOURCES.get(name);
  if (!source) return undefined;
  let file = parsed.get(name);
  if (!file) {
    file = parseDescriptorFile(toBinary(wellKnownTypes.FileDescriptorProtoSchema, source.proto));
    parsed.set(name, file);
  }
  return file;
}
