import type { IncomingCall, MessageEncoding } from "../../core/call";
import { MessageServices } from "./message-services";
import { Port, type PortOptions } from "./port";

export interface RpcServerOptions extends Omit<PortOptions, "isOwn"> {
  /** Of the answers of registered methods, for callers that can read it, unless a call says otherwise. Default: none. */
  readonly compression?: MessageEncoding;
}

/** A gRPC server on the engine: methods that are registered get whole messages, calls of others are handed on as they come. */
export class RpcServer {
  readonly #services: MessageServices;
  readonly #port: Port;

  constructor(options: RpcServerOptions) {
    const services = new MessageServices(options.clock, options.messageMaxBytes, options.compression);
    this.#services = services;
    this.#port = new Port({ ...options, isOwn: (path) => services.has(path) });
    this.#port.handleOwn((call, connection) => services.serve(call, connection));
  }

  /** Serves one method, of any kind. `path` is "/package.Service/Method". */
  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#services.handle(path, handler);
  }

  /** Takes every call of a method that is not registered, in chunks. Without it they end with UNIMPLEMENTED. */
  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#port.handleUnknown(handler);
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  listen(address: string, field: string): Promise<string> {
    return this.#port.listen(address, field);
  }

  /** Takes no new connections; resolves when the calls in flight have ended. Goes on for as long as they do. */
  drain(): Promise<void> {
    return this.#port.drain();
  }

  /** Ends everything at once. */
  close(): void {
    this.#port.close();
  }
}
