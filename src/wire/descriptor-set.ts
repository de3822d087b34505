import assert from "node:assert";
import { createHash } from "node:crypto";

import { create, createFileRegistry, type FileRegistry } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

import { FabricError, messageOf } from "../core/errors";
import {
  parseDescriptorFile,
  type DescriptorFile,
  type DescriptorSymbol,
  type ServiceDescriptor,
} from "./descriptor-file";
import { importOrder, visibleFiles } from "./descriptor-imports";
import { wellKnownFile } from "./descriptor-well-known";

/** Largest FileDescriptorSet that a director takes, as proto/heddle/v1/attach.proto says. Real ones have 2–200 KB. */
export const DESCRIPTOR_SET_BYTES_MAX = 1 << 20;
/** Checking a set costs up to the square of its files. */
const FILES_MAX = 1_024;

/** SHA-256 in hex: the name under which workers and directors exchange a set. */
export function descriptorSetHash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A contract whose every import and type is inside. Nothing in it changes. */
export class DescriptorSet {
  /** Hash of the bytes it was parsed from. */
  readonly hash: string;
  /** Size of the bytes it was parsed from. */
  readonly sizeBytes: number;
  /** By name, a file after its imports. Well-known imports that were left out are filled in. */
  readonly files: ReadonlyMap<string, DescriptorFile>;
  readonly services: readonly ServiceDescriptor[];
  readonly #owners: ReadonlyMap<string, SymbolOwner>;

  /**
   * Takes a serialized google.protobuf.FileDescriptorSet. The order of its files does not matter; the caller keeps `bytes`.
   * @throws FabricError DESCRIPTOR_CONFLICT when they are no such set, are larger than `bytesMax`, lack an import or a type,
   * import in a circle, or declare a file or symbol twice
   */
  static parse(bytes: Uint8Array, bytesMax = DESCRIPTOR_SET_BYTES_MAX): DescriptorSet {
    return new DescriptorSet(bytes, bytesMax);
  }

  private constructor(bytes: Uint8Array, bytesMax: number) {
    if (bytes.length > bytesMax) {
      throw broken(
        `it has ${bytes.length} bytes and at most ${bytesMax} are taken: ` +
          "build it for the served services only, without source info (`buf build --exclude-source-info --type …`)",
      );
    }
    this.hash = descriptorSetHash(bytes);
    this.sizeBytes = bytes.length;
    const ordered = orderedFiles(givenFiles(bytes));
    this.files = new Map(ordered.map((file) => [file.name, file]));
    this.#owners = ownersOf(ordered);
    checkReferences(this.files, this.#owners);
    // Only to check the rest of the rules: kept, it would double the memory of every set.
    registryOf(ordered);
    this.services = ordered.flatMap((file) => file.services);
  }

  /** For decoding messages without generated code. Made anew, in some milliseconds: keep it for as long as it is needed. */
  createRegistry(): FileRegistry {
    return registryOf([...this.files.values()]);
  }

  /** The file that declares the symbol: a message, enum, enum value, field, oneof, extension, service or method. */
  fileOf(symbol: string): DescriptorFile | undefined {
    return this.#owners.get(symbol)?.file;
  }

  declaresMessage(fullName: string): boolean {
    return this.#owners.get(fullName)?.kind === "message";
  }

  /** @param path - "/package.Service/Method" */
  declaresMethod(path: string): boolean {
    return path.startsWith("/") && this.#owners.get(path.slice(1).replace("/", "."))?.kind === "method";
  }

  /** The file, then everything it imports, directly or not. */
  withImports(file: DescriptorFile): readonly DescriptorFile[] {
    const found = new Map([[file.name, file]]);
    for (const { imports } of found.values()) {
      // A Map's iteration goes on over what is added during it, so this reaches the imports of the imports.
      for (const name of imports) found.set(name, this.files.get(name)!);
    }
    return [...found.values()];
  }

  /**
   * The smallest set, serialized, that describes `services`: their files and everything those import.
   * @throws FabricError DESCRIPTOR_CONFLICT naming the services it does not have
   */
  subset(services: Iterable<string>): Uint8Array {
    const roots = new Map<string, DescriptorFile>();
    const missing: string[] = [];
    for (const service of services) {
      const file = this.services.some(({ fullName }) => fullName === service) ? this.fileOf(service) : undefined;
      if (file) roots.set(file.name, file);
      else missing.push(service);
    }
    if (missing.length > 0) {
      const has = this.services.map(({ fullName }) => fullName).join(", ") || "none";
      throw new FabricError(
        "DESCRIPTOR_CONFLICT",
        `the descriptor set does not declare ${missing.map(quoted).join(", ")}. Its services: ${has}`,
      );
    }
    // By name, so that the same contract gives the same bytes and hash whatever order its files came in.
    const sorted = [...roots.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const order = importOrder(sorted, (name) => this.files.get(name));
    assert(order.kind === "ordered", "the imports were checked when the set was parsed");
    return serializeDescriptorSet(order.files);
  }
}

interface SymbolOwner {
  readonly file: DescriptorFile;
  readonly kind: DescriptorSymbol["kind"];
}

/** A FileDescriptorSet of the files, in their order. The same files give the same bytes, and so the same hash. */
export function serializeDescriptorSet(files: Iterable<DescriptorFile>): Uint8Array {
  const writer = new BinaryWriter();
  for (const file of files) writer.tag(FILE_FIELD, WireType.LengthDelimited).bytes(file.bytes);
  return writer.finish();
}

/** google.protobuf.FileDescriptorSet.file. */
const FILE_FIELD = 1;

function givenFiles(bytes: Uint8Array): DescriptorFile[] {
  const files: DescriptorFile[] = [];
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [fieldNumber, wireType] = reader.tag();
      if (fieldNumber !== FILE_FIELD || wireType !== WireType.LengthDelimited) {
        reader.skip(wireType, fieldNumber);
        continue;
      }
      files.push(parseDescriptorFile(reader.bytes()));
      if (files.length > FILES_MAX) throw new Error(`it has more than ${FILES_MAX} files`);
    }
  } catch (cause) {
    const which = files.length === 0 ? "" : `, after ${quoted(files.at(-1)!.name)}`;
    throw broken(
      `it is no serialized google.protobuf.FileDescriptorSet (${messageOf(cause)}${which}): ` +
        "send the output of `buf build --as-file-descriptor-set` or `protoc --include_imports --descriptor_set_out` whole",
      cause,
    );
  }
  if (files.length === 0) throw broken("it has no files: build it from the .proto files of the served services");
  return files;
}

const PACKAGE = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;
// eslint-disable-next-line no-control-regex -- control characters are what it keeps out
const FILE_NAME = /^[^\u0000-\u001f\u007f]{1,512}$/;

function orderedFiles(given: readonly DescriptorFile[]): readonly DescriptorFile[] {
  const byName = new Map<string, DescriptorFile>();
  for (const file of given) {
    if (!FILE_NAME.test(file.name)) throw broken(`it has a file with the unusable name ${quoted(file.name)}`);
    if (file.packageName !== "" && !PACKAGE.test(file.packageName)) {
      throw broken(`${quoted(file.name)} has the unusable package ${quoted(file.packageName)}`);
    }
    const other = byName.get(file.name);
    if (other && Buffer.compare(other.bytes, file.bytes) !== 0) {
      throw broken(`it has two different files named ${quoted(file.name)}: keep one`);
    }
    byName.set(file.name, file);
  }
  const order = importOrder(byName.values(), (name) => byName.get(name) ?? wellKnownFile(name));
  switch (order.kind) {
    case "ordered":
      return order.files;
    case "missing":
      throw broken(
        `${quoted(order.importer)} imports ${quoted(order.name)}, which is not in it: ` +
          "include the imports (`protoc --include_imports`; `buf build` does so by itself)",
      );
    case "cycle":
      throw broken(`its files import each other in a circle: ${order.names.slice(0, 8).map(quoted).join(" → ")}`);
  }
}

function ownersOf(files: readonly DescriptorFile[]): Map<string, SymbolOwner> {
  const owners = new Map<string, SymbolOwner>();
  for (const file of files) {
    for (const { name, kind } of file.symbols) {
      const other = owners.get(name);
      if (other) {
        throw broken(
          `the symbol ${quoted(name)} is declared twice, in ${quoted(other.file.name)} and in ${quoted(file.name)}: rename one`,
        );
      }
      owners.set(name, { file, kind });
    }
  }
  return owners;
}

/** Tools that read reflection refuse a file which uses a type it does not import, so such a set is refused here. */
function checkReferences(files: ReadonlyMap<string, DescriptorFile>, owners: ReadonlyMap<string, SymbolOwner>): void {
  for (const file of files.values()) {
    const visible = visibleFiles(file, (name) => files.get(name));
    for (const { typeName, usedBy, kind } of file.references) {
      const owner = owners.get(typeName);
      const where = `${quoted(usedBy)} in ${quoted(file.name)} uses ${quoted(typeName)}`;
      if (!owner) throw broken(`${where}, which no file declares: rebuild it from the .proto files`);
      if (owner.kind !== kind) throw broken(`${where} as a ${kind}, but it is a ${owner.kind}`);
      if (!visible.has(owner.file.name)) {
        throw broken(`${where} without importing ${quoted(owner.file.name)}: rebuild it from the .proto files`);
      }
    }
  }
}

function registryOf(files: readonly DescriptorFile[]): FileRegistry {
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file: files.map(({ proto }) => proto) }));
  } catch (cause) {
    throw broken(`it is not a valid contract: ${messageOf(cause)}`, cause);
  }
}

function broken(what: string, cause?: unknown): FabricError {
  return new FabricError("DESCRIPTOR_CONFLICT", `the descriptor set cannot be used: ${what}`, { cause });
}

/** Names come from whoever sent the set: shown as data, and never at length. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}
