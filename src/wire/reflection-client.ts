import { readFile, stat } from "node:fs/promises";
import { Client, credentials, Metadata, type ChannelCredentials, type ServiceError } from "@grpc/grpc-js";

import {
  ServerReflectionService,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../generated/grpc/reflection/v1/reflection";
import { ServerReflectionService as ServerReflectionServiceV1Alpha } from "../../generated/grpc/reflection/v1alpha/reflection";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import { Status, statusName } from "../core/status";
import { parseDescriptorFile, type DescriptorFile } from "./descriptor-file";
import { DescriptorSet, serializeDescriptorSet } from "./descriptor-set";
import { wellKnownFile } from "./descriptor-well-known";

export interface FetchDescriptorsOptions {
  /** host:port of a server with reflection. */
  readonly address: string;
  /** Full names. Empty: all that the server lists, except its reflection and health. */
  readonly services: readonly string[];
  /** For everything together. Default 10,000. */
  readonly timeoutMs?: number;
  /** Most bytes of descriptors to take, before what is not needed is left out. Default 16 MiB. */
  readonly bytesMax?: number;
  /** Default: plain text. */
  readonly credentials?: ChannelCredentials;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const TIMEOUT_DEFAULT_MS = 10_000;
const BYTES_MAX = 16 << 20;

/**
 * Asks a server for the contract of its services, by reflection v1 and, where that is missing, v1alpha.
 * @returns a serialized FileDescriptorSet of the services, with all imports
 * @throws FabricError DESCRIPTOR_CONFLICT when the server does not describe a service, or describes it incompletely;
 * WORKER_UNREACHABLE when it does not answer; DEADLINE_EXCEEDED; CANCELLED when `signal` aborts
 */
export async function fetchDescriptors(options: FetchDescriptorsOptions): Promise<Uint8Array> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_DEFAULT_MS;
  const client = new Client(options.address, options.credentials ?? credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.max_receive_message_length": options.bytesMax ?? BYTES_MAX,
  });
  const abort = new AbortController();
  const cancelled = () => abort.abort(new FabricError("CANCELLED", `asking ${options.address} was cancelled`));
  const cancelTimer = options.clock.after(timeoutMs, () =>
    abort.abort(new FabricError("DEADLINE_EXCEEDED", `${options.address} did not describe itself in ${timeoutMs} ms`)),
  );
  if (options.signal?.aborted) cancelled();
  options.signal?.addEventListener("abort", cancelled);
  try {
    return await fetchByAnyVersion(client, options, abort.signal);
  } finally {
    cancelTimer();
    options.signal?.removeEventListener("abort", cancelled);
    client.close();
  }
}

async function fetchByAnyVersion(
  client: Client,
  options: FetchDescriptorsOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (const { path } of [
    ServerReflectionService.serverReflectionInfo,
    ServerReflectionServiceV1Alpha.serverReflectionInfo,
  ]) {
    const dialogue = new GrpcJsDialogue(client, path, signal);
    try {
      return await describeServices(dialogue, options);
    } catch (error) {
      if (error instanceof FabricError) throw error;
      const { code, details } = error as ServiceError;
      if (code === (Status.UNIMPLEMENTED as number)) continue;
      throw new FabricError("WORKER_UNREACHABLE", `${options.address}: ${statusName(code)} ${details}`, {
        cause: error,
      });
    } finally {
      dialogue.close();
    }
  }
  throw new FabricError(
    "DESCRIPTOR_CONFLICT",
    `${options.address} has no reflection (neither v1 nor v1alpha): turn it on, or pass a descriptor set file (--descriptors)`,
  );
}

/** See `fetchDescriptors`. What the dialogue rejects with is passed on. */
export async function describeServices(
  dialogue: ReflectionDialogue,
  options: Pick<FetchDescriptorsOptions, "address" | "services" | "bytesMax">,
): Promise<Uint8Array> {
  const services = options.services.length > 0 ? options.services : await ownServices(dialogue, options.address);
  const bytesMax = options.bytesMax ?? BYTES_MAX;
  const files = new Map<string, DescriptorFile>();
  let sizeBytes = 0;
  const take = async (request: ReflectionRequest, what: string) => {
    for (const file of filesIn(await dialogue.ask(request), what, options.address)) {
      if (files.has(file.name)) continue;
      sizeBytes += file.bytes.length;
      if (sizeBytes > bytesMax) {
        throw new FabricError(
          "DESCRIPTOR_CONFLICT",
          `${options.address} describes itself in more than ${bytesMax} bytes: name fewer services`,
        );
      }
      files.set(file.name, file);
    }
  };
  for (const service of services) {
    await take({ $case: "fileContainingSymbol", value: service }, `service ${service}`);
  }
  for (const { imports } of files.values()) {
    // Servers may answer a file without its imports. A Map's iteration goes on over what is added during it.
    for (const name of imports) {
      if (files.has(name) || wellKnownFile(name)) continue;
      await take({ $case: "fileByFilename", value: name }, `file ${name}`);
      if (files.has(name)) continue;
      throw new FabricError("DESCRIPTOR_CONFLICT", `${options.address} answered other files than ${name}`);
    }
  }
  return sendableSubset(DescriptorSet.parse(serializeDescriptorSet(files.values()), bytesMax), services);
}

/** Full names of all services that a server lists. */
export async function listServices(dialogue: ReflectionDialogue): Promise<readonly string[]> {
  const answer = await dialogue.ask({ $case: "listServices", value: "" });
  return answer?.$case === "listServicesResponse" ? answer.value.service.map(({ name }) => name) : [];
}

async function ownServices(dialogue: ReflectionDialogue, address: string): Promise<readonly string[]> {
  const listed = await listServices(dialogue);
  const services = listed.filter((name) => !/^grpc\.(reflection|health)\./.test(name));
  if (services.length > 0) return services;
  throw new FabricError("DESCRIPTOR_CONFLICT", `${address} lists no service of its own: name the services it has`);
}

function filesIn(answer: ReflectionAnswer, what: string, address: string): DescriptorFile[] {
  if (answer?.$case === "errorResponse") {
    const { errorCode, errorMessage } = answer.value;
    throw new FabricError(
      "DESCRIPTOR_CONFLICT",
      `${address} does not describe ${what}: ${statusName(errorCode)} ${errorMessage}`,
    );
  }
  const serialized = answer?.$case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
  try {
    return serialized.map(parseDescriptorFile);
  } catch (cause) {
    throw new FabricError(
      "DESCRIPTOR_CONFLICT",
      `${address} describes ${what} by what is no FileDescriptorProto: ${messageOf(cause)}`,
      { cause },
    );
  }
}

export type ReflectionRequest = NonNullable<ServerReflectionRequest["messageRequest"]>;
export type ReflectionAnswer = ServerReflectionResponse["messageResponse"];

/** One reflection stream, on which one question at a time is asked. */
export interface ReflectionDialogue {
  ask(request: ReflectionRequest): Promise<ReflectionAnswer>;
  close(): void;
}

/** Both versions of reflection have the same messages. */
class GrpcJsDialogue implements ReflectionDialogue {
  readonly #stream;
  #settle: { resolve(response: ServerReflectionResponse): void; reject(error: unknown): void } | undefined;
  /** Why the stream is over. */
  #end: unknown;
  readonly #signal: AbortSignal;
  readonly #aborted = () => {
    this.#finish(this.#signal.reason);
    this.#stream.cancel();
  };

  constructor(client: Client, path: string, signal: AbortSignal) {
    const { requestSerialize, responseDeserialize } = ServerReflectionService.serverReflectionInfo;
    this.#stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    this.#signal = signal;
    this.#stream.on("data", (response: ServerReflectionResponse) => {
      this.#settle?.resolve(response);
      this.#settle = undefined;
    });
    this.#stream.on("error", (error) => this.#finish(error));
    this.#stream.on("end", () =>
      this.#finish({ code: Status.UNAVAILABLE, details: "the server ended the reflection stream early" }),
    );
    if (signal.aborted) this.#aborted();
    signal.addEventListener("abort", this.#aborted);
  }

  /** Rejects with a FabricError when aborted, else with the ServiceError that ended the stream. */
  async ask(messageRequest: ReflectionRequest): Promise<ReflectionAnswer> {
    const response = await new Promise<ServerReflectionResponse>((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      this.#settle = { resolve, reject };
      this.#stream.write({ host: "", messageRequest });
    });
    return response.messageResponse;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#aborted);
    this.#finish({ code: Status.CANCELLED, details: "closed" });
    this.#stream.cancel();
  }

  #finish(reason: unknown): void {
    this.#end ??= reason;
    this.#settle?.reject(this.#end);
    this.#settle = undefined;
  }
}

/**
 * Reads a FileDescriptorSet from a file, as `buf build --as-file-descriptor-set` and `protoc --descriptor_set_out` write it.
 * @param services - full names; empty takes all
 * @returns a serialized FileDescriptorSet of the services, with all imports
 * @throws FabricError INVALID_ARGUMENT when the file cannot be read; DESCRIPTOR_CONFLICT when it cannot be used
 */
export async function readDescriptors(path: string, services: readonly string[]): Promise<Uint8Array> {
  const set = parseFile(path, await readBounded(path));
  return sendableSubset(set, services.length > 0 ? services : set.services.map(({ fullName }) => fullName));
}

function parseFile(path: string, bytes: Uint8Array): DescriptorSet {
  try {
    return DescriptorSet.parse(bytes, BYTES_MAX);
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `the descriptor set ${path} cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function sendableSubset(set: DescriptorSet, services: readonly string[]): Uint8Array {
  const subset = set.subset(services);
  // A director would refuse what is too large; here the message reaches who can change it.
  DescriptorSet.parse(subset);
  return subset;
}

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > BYTES_MAX) throw new Error(`it has ${size} bytes, and at most ${BYTES_MAX} are read`);
    return await readFile(path);
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `the descriptor set ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
