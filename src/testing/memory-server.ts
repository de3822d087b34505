import type { IncomingCall } from "../core/call";
import { CallMetadata } from "../core/call-metadata";
import { Status } from "../core/status";
import type { MemoryHost } from "./memory-host";
import type { MemoryNetwork } from "./memory-network";

/** The serving side of an address: what a GrpcServer is on a real network. */
export class MemoryServer {
  readonly host: MemoryHost;
  readonly #network: MemoryNetwork;
  readonly #handlers = new Map<string, (call: IncomingCall) => void>();
  #unknown: ((call: IncomingCall) => void) | undefined;

  constructor(network: MemoryNetwork, host: MemoryHost) {
    this.#network = network;
    this.host = host;
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#handlers.set(path, handler);
  }

  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#unknown = handler;
  }

  listen(address: string): Promise<string> {
    return Promise.resolve(this.#network.bind(address, this));
  }

  async drain(): Promise<void> {
    this.#network.unbind(this);
    await Promise.all(this.#network.linksOf(this).map((link) => link.drain()));
  }

  close(): void {
    this.#network.unbind(this);
    for (const link of this.#network.linksOf(this)) {
      link.breakServer();
      link.toClient.send(() => link.breakClient("connection closed by the server"));
    }
  }

  take(call: IncomingCall): void {
    const handler = this.#handlers.get(call.path) ?? this.#unknown;
    if (handler) {
      handler(call);
      return;
    }
    call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
    call.finish({ status: Status.UNIMPLEMENTED, message: `no ${call.path}`, trailers: new CallMetadata() });
  }
}
