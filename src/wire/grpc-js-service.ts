import type { sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";

import type { IncomingCall } from "../core/call";
import { endOfHandlerError } from "../core/call-end";
import { CallError } from "../core/errors";
import { Status } from "../core/status";
import { isThenable } from "../core/thenable";
import type { ServedMethod } from "../rpc/service/serve-call";
import { mountMethods, type MountedService } from "../rpc/service/service-handlers";
import { GrpcJsCall, UNREADABLE_REQUEST, UNWRITABLE_ANSWER, type MethodCodec } from "./grpc-js-call";
import { asHandler } from "./grpc-js-inner-call";
import { DuplexCall, UnaryCall, WritableCall } from "./grpc-js-surface";

/** What is used of one method's definition, as ts-proto (`outputServices=grpc-js`) and `@grpc/proto-loader` make them. */
export interface GrpcJsMethod {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any message type
  requestDeserialize(bytes: Buffer): any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  responseSerialize(message: any): Uint8Array;
  /** The name that the method has in its `.proto`. */
  readonly originalName?: string | undefined;
}

/** What is given to `addService` of a server of grpc-js. */
export type GrpcJsDefinition = Readonly<Record<string, GrpcJsMethod>>;

type Handle = (call: unknown, callback: sendUnaryData<unknown>) => unknown;

/**
 * A service as it is written for a server of `@grpc/grpc-js`: what would be given to its `addService`. It runs as it does there,
 * but for what would end the process or leave a call open: a handler that rejects, a listener that throws, a stream that is
 * destroyed. These end their call. As there, a method without a handler is answered with UNIMPLEMENTED.
 * @throws TypeError when the definition is empty, or not of one service
 */
export function grpcJsService(
  definition: GrpcJsDefinition,
  implementation: UntypedServiceImplementation,
): MountedService {
  const methods = new Map<string, (call: IncomingCall) => void>();
  const methodsInside = new Map<string, ServedMethod>();
  for (const [name, method] of Object.entries(definition)) {
    const { path, requestStream, responseStream } = method;
    const handle = handlerOf(name, method, implementation);
    const codec: MethodCodec = {
      deserialize: (bytes) => method.requestDeserialize(bytes) as unknown,
      serialize: (message) => method.responseSerialize(message),
    };
    methods.set(path, (call) => serve(new GrpcJsCall(call, codec), method, handle));
    methodsInside.set(path, {
      requestStream,
      responseStream,
      decode: (bytes) => orInternal(() => codec.deserialize(bytes as Buffer), UNREADABLE_REQUEST),
      encode: (message) => orInternal(() => codec.serialize(message), UNWRITABLE_ANSWER),
      handler: asHandler((call) => serve(new GrpcJsCall(call, NO_CODEC), method, handle)),
      endOfError: endOfHandlerError,
    });
  }
  const fullName = serviceOf(methods.keys());
  return { fullName, methods, intercepted: (interceptors) => mountMethods(fullName, methodsInside, interceptors) };
}

function orInternal<T>(convert: () => T, what: string): T {
  try {
    return convert();
  } catch (error) {
    throw new CallError(Status.INTERNAL, what, { cause: error });
  }
}

/** Inside of interceptors, where messages are decoded. */
const NO_CODEC: MethodCodec = {
  deserialize: (message) => message,
  serialize: (message) => message as Uint8Array,
};

function handlerOf(name: string, method: GrpcJsMethod, implementation: UntypedServiceImplementation): Handle {
  const handle = implementation[name] ?? implementation[method.originalName ?? name];
  if (handle !== undefined) return handle.bind(implementation) as Handle;
  const details = `The server does not implement the method ${name}`;
  const error = Object.assign(new Error(details), { code: Status.UNIMPLEMENTED, details });
  return (call, callback) => {
    if (method.responseStream) (call as WritableCall).emit("error", error);
    else callback(error);
  };
}

function serviceOf(paths: Iterable<string>): string {
  const names = new Set([...paths].map((path) => /^\/([^/]+)\/[^/]+$/.exec(path)?.[1] ?? ""));
  const [name = ""] = names;
  if (names.size === 1 && name !== "") return name;
  const known = [...names].join(", ");
  throw new TypeError(
    `a definition has the methods of one service, with paths such as "/pkg.Service/Method": ${known}`,
  );
}

function serve(call: GrpcJsCall, method: GrpcJsMethod, handle: Handle): void {
  if (method.requestStream) serveStream(call, handle);
  else serveRequest(call, method, handle);
}

/** The handler is called once the caller has sent all, one message. */
function serveRequest(call: GrpcJsCall, method: GrpcJsMethod, handle: Handle): void {
  let request: unknown;
  call.listen({
    message: (message) => {
      if (request === undefined) request = message;
      else call.sendStatus(unimplemented(`Received a second request message for`, method));
    },
    halfClosed: () => {
      if (request === undefined) call.sendStatus(unimplemented(`Received no request message for`, method));
      else run(call, handle, method.responseStream ? new WritableCall(call, request) : new UnaryCall(call, request));
    },
  });
}

function unimplemented(what: string, { path, responseStream }: GrpcJsMethod) {
  const kind = responseStream ? "server streaming" : "unary";
  return { code: Status.UNIMPLEMENTED, details: `${what} ${kind} method ${path}`, metadata: undefined };
}

/** The handler is called at once. */
function serveStream(call: GrpcJsCall, handle: Handle): void {
  const stream = new DuplexCall(call);
  run(call, handle, stream);
  call.listen({
    message: (message) => {
      if (!stream.push(message)) call.pause();
    },
    halfClosed: () => void stream.push(null),
  });
}

function run(call: GrpcJsCall, handle: Handle, surface: UnaryCall | WritableCall | DuplexCall): void {
  let returned: unknown;
  try {
    returned = handle(surface, (error, message, trailers) => call.respond(error, message, trailers));
  } catch {
    call.threw();
    return;
  }
  if (isThenable(returned)) returned.then(undefined, (error: unknown) => call.failWith(error));
}
