import { FabricError, messageOf } from "../core/errors";
import { defaultExportOf } from "../core/module-exports";
import { CallError } from "../core/errors";
import { Status } from "../core/status";
import { asBuffer } from "./bytes";
import type { ProtoService } from "./proto-contract";
import type { ServedMethod } from "../rpc/service/serve-call";
import { mountMethods, type MountedService } from "../rpc/service/service-handlers";
import { endOfHandlerError } from "../core/call-end";

/**
 * Joins a contract that was loaded at run time and the handlers of a user's module. A handler is an exported function named like the method,
 * "Resize" or "resize"; where two services share a method name, it is in an exported object named like its service. Streams
 * are async iterables, as with generated code. An error with a gRPC `status`, as a number or a name ("NOT_FOUND"), ends the
 * call with it: the module may have no CallError to import.
 * @throws FabricError INVALID_ARGUMENT that lists every handler that is missing
 */
export function mountProtoServices(services: readonly ProtoService[], module: unknown): readonly MountedService[] {
  const exported = exportsOf(module);
  const missing: string[] = [];
  const mounted = services.map((service): MountedService => {
    const methods = new Map<string, ServedMethod>();
    for (const method of Object.values(service.definition)) {
      const name = method.path.slice(method.path.lastIndexOf("/") + 1);
      const handler = findHandler(exported, service.fullName, name);
      if (!handler) {
        missing.push(`${service.fullName}/${name}`);
        continue;
      }
      methods.set(method.path, {
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        resumable: service.methods.some(({ path, resumable }) => path === method.path && resumable),
        decode: (bytes) => method.requestDeserialize(asBuffer(bytes)) as unknown,
        encode: (message) => encode(method.responseSerialize, message, name),
        handler,
        endOfError: (error) => endOfHandlerError(withStatus(error)),
      });
    }
    return mountMethods(service.fullName, methods);
  });
  if (missing.length === 0) return mounted;
  throw new FabricError(
    "INVALID_ARGUMENT",
    `--handlers has no function for ${missing.join(", ")}: export one of the method's name`,
  );
}

function withStatus(error: unknown): unknown {
  if (!(error instanceof Error) || !("status" in error)) return error;
  const { status, message } = error;
  const known = Object.entries(Status).find(([name, code]) => status === name || status === code)?.[1];
  return known === undefined || known === Status.OK ? error : new CallError(known, message, { cause: error });
}

type Exports = Readonly<Record<string, unknown>>;

function exportsOf(module: unknown): Exports {
  const exported = defaultExportOf(module);
  return (typeof exported === "object" && exported !== null ? exported : {}) as Exports;
}

function findHandler(exported: Exports, service: string, method: string): ServedMethod["handler"] | undefined {
  const shortName = service.slice(service.lastIndexOf(".") + 1);
  const own = exported[service] ?? exported[shortName];
  const holders = typeof own === "object" && own !== null ? [own as Exports, exported] : [exported];
  const lowered = method.charAt(0).toLowerCase() + method.slice(1);
  for (const holder of holders) {
    const handler = holder[method] ?? holder[lowered];
    if (typeof handler === "function") return handler.bind(holder) as ServedMethod["handler"];
  }
  return undefined;
}

function encode(serialize: (message: never) => Buffer, message: unknown, method: string): Uint8Array {
  try {
    return serialize(message as never);
  } catch (error) {
    throw new CallError(
      Status.INTERNAL,
      `the handler of ${method} answered what the contract does not have: ${messageOf(error)}`,
    );
  }
}
