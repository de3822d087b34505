import {
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
} from "@bufbuild/protobuf";

import { FabricError, messageOf } from "../core/errors";
import type { DescriptorCatalog } from "./descriptor-catalog";
import { DescriptorSet } from "./descriptor-set";
import { findJsonFault } from "./json-field-path";
import { parseJsonText, type JsonValue } from "./json-text";

export type { JsonValue } from "./json-text";

export interface FromJsonOptions {
  /** Fields that the type does not have are passed over, and enum values by unknown names. Default: they are refused. */
  readonly ignoreUnknownFields?: boolean;
}

export interface ToJsonOptions {
  /** Fields that have their default value are written too, but for those that can be absent. Default: left out, as is canonical. */
  readonly emitDefaults?: boolean;
}

/**
 * One message type as canonical protobuf JSON (protobuf.dev/programming-guides/json): 64-bit integers as strings, bytes as base64, enums by
 * name, `google.protobuf` types each in its own form; field names in lowerCamelCase, and as they are in the .proto file too when read.
 */
export class MessageJson {
  readonly type: DescMessage;
  readonly #registry: FileRegistry;
  readonly #largeIntegers: "quote" | "refuse";

  constructor(type: DescMessage, registry: FileRegistry) {
    this.type = type;
    this.#registry = registry;
    this.#largeIntegers = holdsAnyValue(type) ? "refuse" : "quote";
  }

  /**
   * The message that a JSON text stands for. Nested up to 100 deep.
   * @throws FabricError INVALID_ARGUMENT naming the field: text that is no JSON, unknown fields, equal keys, what does not fit the field
   */
  encodeText(text: string, options: FromJsonOptions = {}): Uint8Array {
    return this.encode(this.parse(text), options);
  }

  /**
   * What a text says, before it is known to fit the message.
   * @throws FabricError INVALID_ARGUMENT: text that is no JSON, equal keys, integers that cannot be had exactly
   */
  parse(text: string): JsonValue {
    try {
      return parseJsonText(text, this.#largeIntegers);
    } catch (error) {
      throw new FabricError("INVALID_ARGUMENT", `${this.type.typeName}: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * The same of JSON that is parsed already.
   * @throws FabricError INVALID_ARGUMENT naming the field
   */
  encode(json: JsonValue, { ignoreUnknownFields = false }: FromJsonOptions = {}): Uint8Array {
    const options = { registry: this.#registry, ignoreUnknownFields };
    try {
      return toBinary(this.type, fromJson(this.type, json as never, options));
    } catch (error) {
      const { path, reason } = findJsonFault(this.type, json, options, error);
      const where = path === "" ? this.type.typeName : `${path} (in ${this.type.typeName})`;
      throw new FabricError("INVALID_ARGUMENT", `${where}: ${reason}`, { cause: error });
    }
  }

  /**
   * The message as JSON, without fields that the type does not have.
   * @throws FabricError REMOTE when the bytes are no such message, or hold a google.protobuf.Any of a type that the contract lacks
   */
  decode(bytes: Uint8Array, { emitDefaults = false }: ToJsonOptions = {}): JsonValue {
    try {
      const message = fromBinary(this.type, bytes, { readUnknownFields: false });
      return toJson(this.type, message, { registry: this.#registry, alwaysEmitImplicit: emitDefaults });
    } catch (error) {
      const what = `a message of ${this.type.typeName} cannot be shown as JSON`;
      const remedy = /is not in the type registry/.test(messageOf(error))
        ? ": import the file that declares it into the worker's contract"
        : "";
      throw new FabricError("REMOTE", `${what}: ${messageOf(error)}${remedy}`, { cause: error });
    }
  }

  decodeText(bytes: Uint8Array, options?: ToJsonOptions): string {
    return JSON.stringify(this.decode(bytes, options));
  }
}

/** A method of one version of a contract. */
export class MethodJson {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly method: DescMethod;
  readonly request: MessageJson;
  readonly answer: MessageJson;
  /** Of everything that the contract declares. */
  readonly registry: FileRegistry;

  constructor(path: string, method: DescMethod, registry: FileRegistry) {
    this.path = path;
    this.method = method;
    this.registry = registry;
    this.request = new MessageJson(method.input, registry);
    this.answer = new MessageJson(method.output, registry);
  }
}

/** Where the contract of a method is found: the catalogue of a director, or one descriptor set. */
export interface MethodContracts {
  /** Changes whenever `setOf` may answer anything else than before. */
  readonly version: number;
  setOf(path: string): DescriptorSet | undefined;
}

/**
 * Codecs by method. What is made of a contract, which takes milliseconds, is kept until the contract is replaced: bounded by what the
 * source holds, since of each set there is one registry, and of each method one codec.
 */
export class JsonCodecs {
  readonly #contracts: MethodContracts;
  readonly #methods = new Map<string, MethodJson>();
  #registries = new Map<DescriptorSet, FileRegistry>();
  #version: number;

  constructor(contracts: MethodContracts) {
    this.#contracts = contracts;
    this.#version = contracts.version;
  }

  /** Of every method that can be called at a director; the newest version of a contract wins (K3 of descriptor-catalog.ts). */
  static ofCatalog(catalog: DescriptorCatalog): JsonCodecs {
    return new JsonCodecs(catalog);
  }

  /**
   * @param bytes - a serialized FileDescriptorSet with all its imports, as `fetchDescriptors` (reflection-client.ts) gives it
   * @throws FabricError DESCRIPTOR_CONFLICT when it cannot be used
   */
  static ofDescriptors(bytes: Uint8Array): JsonCodecs {
    const set = DescriptorSet.parse(bytes, Infinity);
    const paths = new Set(set.services.flatMap(({ methods }) => methods.map(({ path }) => path)));
    return new JsonCodecs({ version: 0, setOf: (path) => (paths.has(path) ? set : undefined) });
  }

  /** @param path - "/package.Service/Method"; undefined when no contract declares it */
  method(path: string): MethodJson | undefined {
    if (this.#version !== this.#contracts.version) this.#forget();
    const known = this.#methods.get(path);
    if (known !== undefined) return known;
    const made = this.#make(path);
    if (made !== undefined) this.#methods.set(path, made);
    return made;
  }

  #make(path: string): MethodJson | undefined {
    const set = this.#contracts.setOf(path);
    if (set === undefined) return undefined;
    const [, service = "", name] = path.split("/");
    const registry = this.#registryOf(set);
    const method = registry.getService(service)?.methods.find((each) => each.name === name);
    return method && new MethodJson(path, method, registry);
  }

  #registryOf(set: DescriptorSet): FileRegistry {
    let registry = this.#registries.get(set);
    if (registry === undefined) {
      registry = set.createRegistry();
      this.#registries.set(set, registry);
    }
    return registry;
  }

  /** Registries of sets that are still in use are kept: a worker that comes does not cost all others theirs. */
  #forget(): void {
    this.#version = this.#contracts.version;
    const kept = new Map<DescriptorSet, FileRegistry>();
    for (const [path, { registry }] of this.#methods) {
      const set = this.#contracts.setOf(path);
      if (set !== undefined && this.#registries.get(set) === registry) kept.set(set, registry);
      else this.#methods.delete(path);
    }
    this.#registries = kept;
  }
}

/** Whether the type can hold a google.protobuf.Value, of which a string is something else than the number it spells. */
function holdsAnyValue(type: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (/^google\.protobuf\.(Value|Struct|ListValue|Any)$/.test(type.typeName)) return true;
  seen.add(type);
  return type.fields.some(({ message }) => message !== undefined && !seen.has(message) && holdsAnyValue(message, seen));
}
