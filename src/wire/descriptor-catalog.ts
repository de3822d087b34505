import { clone, equals } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type DescriptorProto, type FileDescriptorProto } from "@bufbuild/protobuf/wkt";

import type { MethodTraits } from "../core/call";
import { FabricError } from "../core/errors";
import type { MemberIdentity } from "../core/member";
import type { DescriptorFile, ServiceDescriptor } from "./descriptor-file";
import { DESCRIPTOR_SET_BYTES_MAX, DescriptorSet } from "./descriptor-set";
import { isWellKnownFile, wellKnownFile } from "./descriptor-well-known";

/**
 * What a director knows of the contracts of its workers: one descriptor set per hash, for as long as a worker has it.
 *
 * - K1 own first: the director's own files and symbols always mean its own contract. A set that has them differently is refused;
 *   the files of Protobuf itself (google/protobuf/…) are exempt, since every compiler brings a copy of its own.
 * - K2 versions live together: the same file with the same package may differ between sets, because in a rolling upgrade old and
 *   new workers are attached at once. Each set is looked into by itself, so an answer never mixes two versions.
 * - K3 newest wins: what several sets declare is taken from the one that came last. When its workers go, the one before is back.
 * - K4 a file name means one package: a set that has a known file name with another package is refused, because tools ask for
 *   files by name and would get the other contract.
 * - K5 idempotent means everywhere: a method is idempotent only if every set that declares it says so, because a retry may
 *   reach a worker of any version.
 * - K6 resumable means everywhere, for the same reason.
 */
export class DescriptorCatalog {
  readonly #own: DescriptorSet | undefined;
  readonly #limits: DescriptorCatalogLimits;
  /** By hash, oldest first. */
  readonly #entries = new Map<string, Entry>();
  #sizeBytes = 0;
  #methods: ReadonlyMap<string, MethodTraits> = new Map();
  #paths: readonly string[] = [];
  #idempotentPaths: readonly string[] = [];
  #resumablePaths: readonly string[] = [];
  /** Served by members that have no descriptor set, or whose set has not come yet. */
  #undescribed: readonly string[] = [];
  #version = 0;
  /** What members served at the last `sync`, as text. */
  #servedThen = "";

  /**
   * @param own - the descriptor set of the services that the process serves itself; none by default
   */
  constructor(own?: Uint8Array, limits: Partial<DescriptorCatalogLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#own = own && DescriptorSet.parse(own, Infinity);
    this.#indexMethods();
  }

  /**
   * Takes the set of an attached worker. Known hashes are ignored. The set stays until a `release` or `sync` finds that nobody
   * has it, so `retain` it in the same turn.
   * @throws FabricError DESCRIPTOR_CONFLICT when `bytes` do not have the hash, cannot be used, or break K1 or K4. Nothing is
   * changed then.
   */
  add(hash: string, bytes: Uint8Array): void {
    if (this.#entries.has(hash)) return;
    const set = DescriptorSet.parse(bytes, this.#limits.setBytesMax);
    if (set.hash !== hash) {
      throw new FabricError(
        "DESCRIPTOR_CONFLICT",
        `the descriptor set was announced with the hash ${JSON.stringify(hash.slice(0, 80))} but has ${set.hash}: ` +
          "hash the very bytes that are sent (SHA-256, lower-case hex)",
      );
    }
    if (this.#sizeBytes + set.sizeBytes > this.#limits.totalBytesMax) {
      throw new FabricError(
        "DESCRIPTOR_CONFLICT",
        `the catalogue is full: it holds ${this.#sizeBytes} bytes in ${this.#entries.size} sets and takes at most ` +
          `${this.#limits.totalBytesMax}. Let workers of the same service send the same set`,
      );
    }
    for (const file of set.files.values()) this.#checkFile(file);
    this.#entries.set(hash, { set, retained: 0, served: undefined });
    this.#sizeBytes += set.sizeBytes;
    this.#indexMethods();
  }

  has(hash: string): boolean {
    return this.#entries.has(hash);
  }

  /** The set of that hash, for what needs a version of its own, such as decoding the messages of one worker. */
  get(hash: string): DescriptorSet | undefined {
    return this.#entries.get(hash)?.set;
  }

  /** Forgets the set, whoever has it. Unknown hashes are ignored. */
  remove(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry) return;
    this.#entries.delete(hash);
    this.#sizeBytes -= entry.set.sizeBytes;
    this.#indexMethods();
  }

  /** Counts one more holder of the set. Unknown hashes are ignored. */
  retain(hash: string): void {
    const entry = this.#entries.get(hash);
    if (entry) entry.retained += 1;
  }

  /** Takes back one `retain`. The set goes with its last holder, unless a member of the last `sync` has it. */
  release(hash: string): void {
    const entry = this.#entries.get(hash);
    if (!entry) return;
    entry.retained = Math.max(0, entry.retained - 1);
    this.#removeIfUnused(hash, entry);
  }

  /**
   * Says who is attached now and what they serve. Sets that no member has and nobody retains go.
   * @returns the hashes that members have and the catalogue lacks
   */
  sync(members: Iterable<Pick<MemberIdentity, "descriptorSetHash" | "services">>): readonly string[] {
    const missing = new Set<string>();
    const undescribed = new Set<string>();
    for (const entry of this.#entries.values()) entry.served = undefined;
    for (const { descriptorSetHash, services } of members) {
      const entry = this.#entries.get(descriptorSetHash);
      if (!entry) {
        if (descriptorSetHash !== "") missing.add(descriptorSetHash);
        for (const service of services) undescribed.add(service);
        continue;
      }
      entry.served ??= new Set();
      for (const service of services) entry.served.add(service);
    }
    for (const [hash, entry] of this.#entries) this.#removeIfUnused(hash, entry);
    this.#undescribed = [...undescribed];
    this.#noteServed();
    return [...missing];
  }

  /** Rises whenever contracts come or go, or other services are served than before: what was made of them is to be made anew. */
  get version(): number {
    return this.#version;
  }

  /**
   * The contract of a method: the newest version (K3), of those whose members serve it where there are such. Undefined when no set declares
   * the method.
   */
  setOf(path: string): DescriptorSet | undefined {
    const service = path.slice(1, path.lastIndexOf("/"));
    const declares = (set: DescriptorSet) => set.fileOf(service) !== undefined && set.declaresMethod(path);
    if (this.#own && declares(this.#own)) return this.#own;
    const entries = [...this.#entries.values()].reverse().filter(({ set }) => declares(set));
    return (entries.find(({ served }) => served?.has(service)) ?? entries[0])?.set;
  }

  /** What the contract says of a method, by "/package.Service/Method"; `undefined` when no set declares it. */
  method(path: string): MethodTraits | undefined {
    return this.#methods.get(path);
  }

  /** Methods that a contract declares, by path. The same array until contracts come or go. */
  get paths(): readonly string[] {
    return this.#paths;
  }

  /** Methods that may be run twice, by path. The same array until contracts come or go. */
  get idempotentPaths(): readonly string[] {
    return this.#idempotentPaths;
  }

  /** Methods whose streams may be resumed, by path. The same array until contracts come or go. */
  get resumablePaths(): readonly string[] {
    return this.#resumablePaths;
  }

  /** Full names of all services, sorted: the own ones, and those that attached workers serve. */
  serviceNames(): readonly string[] {
    const names = new Set(this.#undescribed);
    for (const service of this.#own?.services ?? []) names.add(service.fullName);
    for (const { set, served } of this.#entries.values()) {
      for (const name of served ?? set.services.map(({ fullName }) => fullName)) names.add(name);
    }
    return [...names].sort();
  }

  /** Names of the methods of a service, by its newest contract, in its order; none when no set declares it. */
  methodNames(service: string): readonly string[] {
    const isIt = ({ fullName }: ServiceDescriptor) => fullName === service;
    const described = this.#sets()
      .find(({ services }) => services.some(isIt))
      ?.services.find(isIt);
    return described?.methods.map(({ name }) => name) ?? [];
  }

  /** The file of that name, then everything it imports, directly or not. */
  findFile(name: string): readonly DescriptorFile[] | undefined {
    for (const set of this.#sets()) {
      const file = set.files.get(name);
      if (file) return set.withImports(file);
    }
    return withWellKnownImports(name);
  }

  /**
   * The file that declares the symbol, then everything it imports. A symbol is a service, method, message, field, oneof, enum,
   * enum value or extension, by its full name.
   */
  findSymbol(symbol: string): readonly DescriptorFile[] | undefined {
    for (const set of this.#sets()) {
      const file = set.fileOf(symbol);
      if (file) return set.withImports(file);
    }
    return undefined;
  }

  /** The file that declares the extension of that number, then everything it imports. */
  findExtension(extendee: string, number: number): readonly DescriptorFile[] | undefined {
    for (const set of this.#sets()) {
      for (const file of set.files.values()) {
        const declares = file.extensions.some(
          (extension) => extension.extendee === extendee && extension.number === number,
        );
        if (declares) return set.withImports(file);
      }
    }
    return undefined;
  }

  /** Numbers of all extensions of a message type, sorted; `undefined` when no set declares the type. */
  extensionNumbers(extendee: string): readonly number[] | undefined {
    const numbers = new Set<number>();
    let known = false;
    for (const set of this.#sets()) {
      known ||= set.declaresMessage(extendee);
      for (const file of set.files.values()) {
        for (const extension of file.extensions) if (extension.extendee === extendee) numbers.add(extension.number);
      }
    }
    return known ? [...numbers].sort((a, b) => a - b) : undefined;
  }

  /** In the order in which they are asked (K1, K3). */
  #sets(): readonly DescriptorSet[] {
    const newestFirst = [...this.#entries.values()].reverse().map(({ set }) => set);
    return this.#own ? [this.#own, ...newestFirst] : newestFirst;
  }

  #noteServed(): void {
    const served = [...this.#entries].map(([hash, entry]) => `${hash} ${[...(entry.served ?? [])].sort().join(" ")}`);
    const servedNow = [...served, ...[...this.#undescribed].sort()].join("\n");
    if (servedNow === this.#servedThen) return;
    this.#servedThen = servedNow;
    this.#version += 1;
  }

  #removeIfUnused(hash: string, entry: Entry): void {
    if (entry.retained === 0 && entry.served === undefined) this.remove(hash);
  }

  #checkFile(file: DescriptorFile): void {
    if (isWellKnownFile(file)) return;
    const own = this.#own?.files.get(file.name);
    if (own && !isSameContract(own.proto, file.proto)) {
      throw conflict(`the file "${file.name}" belongs to the director and differs from its own`, UPDATE_OWN);
    }
    for (const { name } of own ? [] : file.symbols) {
      const owner = this.#own?.fileOf(name);
      if (!owner) continue;
      throw conflict(
        `the symbol "${name}" in "${file.name}" belongs to the director, which declares it in "${owner.name}"`,
        UPDATE_OWN,
      );
    }
    for (const { set } of this.#entries.values()) {
      const other = set.files.get(file.name);
      if (!other || other.packageName === file.packageName) continue;
      throw conflict(
        `the file "${file.name}" has the package "${file.packageName}" here and "${other.packageName}" in the set of another worker`,
        "put the .proto file into a folder named after its package",
      );
    }
  }

  #indexMethods(): void {
    this.#version += 1;
    const methods = new Map<string, MethodTraits>();
    for (const set of this.#sets()) {
      for (const { path, requestStream, responseStream, idempotent, resumable } of set.services.flatMap(
        (s) => s.methods,
      )) {
        const newer = methods.get(path);
        methods.set(
          path,
          newer
            ? { ...newer, idempotent: newer.idempotent && idempotent, resumable: newer.resumable && resumable }
            : { requestStream, responseStream, idempotent, resumable },
        );
      }
    }
    this.#methods = methods;
    this.#paths = [...methods.keys()];
    this.#idempotentPaths = [...methods].flatMap(([path, { idempotent }]) => (idempotent ? [path] : []));
    this.#resumablePaths = [...methods].flatMap(([path, { resumable }]) => (resumable ? [path] : []));
  }
}

export interface DescriptorCatalogLimits {
  /** Largest set, in bytes. Default: DESCRIPTOR_SET_BYTES_MAX. */
  readonly setBytesMax: number;
  /** All sets together, in bytes. Default 16 MiB: some 800 contracts of usual size. Parsed, a set takes some 25 times its size. */
  readonly totalBytesMax: number;
}

const DEFAULT_LIMITS: DescriptorCatalogLimits = { setBytesMax: DESCRIPTOR_SET_BYTES_MAX, totalBytesMax: 16 << 20 };

interface Entry {
  readonly set: DescriptorSet;
  retained: number;
  /** What the members of the last `sync` serve of it; `undefined` when none of them has it. */
  served: Set<string> | undefined;
}

const UPDATE_OWN = "leave it out of the worker's contract, or use the version that the director has";

function conflict(what: string, remedy: string): FabricError {
  return new FabricError("DESCRIPTOR_CONFLICT", `${what}: ${remedy}`);
}

function withWellKnownImports(name: string): readonly DescriptorFile[] | undefined {
  const file = wellKnownFile(name);
  if (!file) return undefined;
  const found = new Map([[file.name, file]]);
  for (const { imports } of found.values()) {
    for (const imported of imports) found.set(imported, wellKnownFile(imported)!);
  }
  return [...found.values()];
}

/** Equal but for what compilers add each in their own way: file options such as go_package, and JSON names. */
function isSameContract(a: FileDescriptorProto, b: FileDescriptorProto): boolean {
  return equals(FileDescriptorProtoSchema, withoutAdditions(a), withoutAdditions(b));
}

function withoutAdditions(file: FileDescriptorProto): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file);
  delete copy.options;
  for (const extension of copy.extension) extension.jsonName = "";
  copy.messageType.forEach(dropJsonNames);
  return copy;
}

function dropJsonNames(message: DescriptorProto): void {
  for (const field of [...message.field, ...message.extension]) field.jsonName = "";
  message.nestedType.forEach(dropJsonNames);
}
