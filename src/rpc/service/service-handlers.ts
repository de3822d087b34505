import type { IncomingCall } from "../../core/call";
import type { CallContext } from "./call-context";
import { serveCall, type ServedMethod } from "./serve-call";
import {
  pathOf,
  traitsOf,
  type MethodDefinition,
  type RequestOf,
  type ResponseInput,
  type ServiceDefinition,
} from "./service-definition";
import { intercept, type ServerInterceptor } from "./server-interceptors";
import { endOfHandlerError } from "../../core/call-end";

export type MaybePromise<T> = T | Promise<T>;

/** Serves one method: streams are async iterables, everything else a value or a promise of one. */
export type Handler<M extends MethodDefinition> = (
  request: M["requestStream"] extends true ? AsyncIterable<RequestOf<M>> : RequestOf<M>,
  context: CallContext,
) => M["responseStream"] extends true ? AsyncIterable<ResponseInput<M>> : MaybePromise<ResponseInput<M>>;

/** A handler for every method of a service, typed by its generated definition. */
export type Handlers<S extends ServiceDefinition> = { readonly [K in keyof S["methods"]]: Handler<S["methods"][K]> };

/** A service with its handlers, in bytes. */
export interface MountedService {
  readonly fullName: string;
  /** By path. */
  readonly methods: ReadonlyMap<string, (call: IncomingCall) => void>;
  /** The same service with these around its handlers, outside of those that it has. */
  intercepted(interceptors: readonly ServerInterceptor[]): MountedService;
}

export interface MountOptions {
  /** Around every handler, the first outermost. Default: none. */
  readonly interceptors?: readonly ServerInterceptor[];
  /** How an error of a handler ends the call. Default: CallError as it says, everything else INTERNAL. */
  readonly endOfError?: ServedMethod["endOfError"];
}

/** Joins a generated definition and its handlers. @throws TypeError when a handler is missing */
export function mountService<S extends ServiceDefinition>(
  definition: S,
  handlers: Handlers<S>,
  options: MountOptions = {},
): MountedService {
  const methods = new Map<string, ServedMethod>();
  for (const [key, method] of Object.entries(definition.methods)) {
    const handler = (handlers as Record<string, ServedMethod["handler"] | undefined>)[key];
    if (typeof handler !== "function") {
      throw new TypeError(`no handler for ${definition.fullName}/${method.name}: pass a function named "${key}"`);
    }
    methods.set(pathOf(definition, method), {
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      resumable: traitsOf(method).resumable,
      decode: (bytes) => method.requestType.decode(bytes) as unknown,
      encode: (message) => method.responseType.encode(method.responseType.fromPartial(message)).finish(),
      handler: handler.bind(handlers),
      endOfError: options.endOfError ?? endOfHandlerError,
    });
  }
  return mountMethods(definition.fullName, methods, options.interceptors);
}

/** A service of methods that are ready to run, by path. */
export function mountMethods(
  fullName: string,
  methods: ReadonlyMap<string, ServedMethod>,
  interceptors: readonly ServerInterceptor[] = [],
): MountedService {
  const mounted = new Map<string, (call: IncomingCall) => void>();
  for (const [path, method] of methods) {
    const handler = intercept(method.handler, method.responseStream, interceptors);
    const served = handler === method.handler ? method : { ...method, handler };
    mounted.set(path, (call) => serveCall(call, served));
  }
  const intercepted: MountedService["intercepted"] = (outer) =>
    mountMethods(fullName, methods, [...outer, ...interceptors]);
  return { fullName, methods: mounted, intercepted };
}
