import type { ServerHttp2Session } from "node:http2";

import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";

import type { IncomingCall } from "../core/call";
import { type SocketAddress, formatAddress } from "../core/address";
import { bindTo } from "../rpc/server/bind";
import { incomingCall } from "./incoming-call";

export interface GrpcServerOptions {
  /** Default: plain text. */
  readonly credentials?: ServerCredentials;
  readonly messageMaxBytes: number;
  /** HTTP/2 PING interval towards clients; finds connections whose peer vanished. 0 sends none. */
  readonly keepaliveMs: number;
  /** Streams one connection may have open; more wait at the client. */
  readonly concurrentStreamsMax?: number;
}

/** Takes a call of any kind, in bytes. Must not throw; must `finish` or be `cancelled`. */
export type IncomingHandler = (call: IncomingCall) => void;

const asIs = (bytes: Buffer): Buffer => bytes;

/** A gRPC server whose methods are registered by path, as calls in bytes. */
export class GrpcServer {
  readonly #server: Server;
  readonly #options: GrpcServerOptions;
  #address: string | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new Server({
      "grpc.max_receive_message_length": options.messageMaxBytes,
      "grpc.max_send_message_length": options.messageMaxBytes,
      "grpc.max_concurrent_streams": options.concurrentStreamsMax ?? 10_000,
      "grpc.enable_channelz": 0,
      ...(options.keepaliveMs > 0
        ? { "grpc.keepalive_time_ms": options.keepaliveMs, "grpc.keepalive_timeout_ms": options.keepaliveMs }
        : {}),
    });
  }

  /** Serves one method, of any kind. `path` is "/package.Service/Method". */
  handle(path: string, handler: IncomingHandler): void {
    this.#server.register(
      path,
      (stream: ServerDuplexStream<Buffer, Buffer>) => handler(incomingCall(stream)),
      asIs,
      asIs,
      "bidi",
    );
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  async listen(address: string, field: string): Promise<string> {
    const bound = await bindTo(address, field, (each) => this.#bind(each));
    this.#address = formatAddress(bound);
    return this.#address;
  }

  #bind(address: SocketAddress): Promise<SocketAddress> {
    return new Promise((resolve, reject) => {
      const serverCredentials = this.#options.credentials ?? ServerCredentials.createInsecure();
      this.#server.bindAsync(formatAddress(address), serverCredentials, (error, port) => {
        if (error) reject(error);
        else resolve("path" in address ? address : { host: address.host, port });
      });
    });
  }

  get address(): string | undefined {
    return this.#address;
  }

  /** Takes no new connections; resolves when the calls in flight have ended. Goes on for as long as they do. */
  drain(): Promise<void> {
    return new Promise((resolve) => this.#server.tryShutdown(() => resolve()));
  }

  /** Ends everything at once. */
  close(): void {
    // Without channelz grpc-js forgets to destroy its sessions here: calls would go on, and the process with them.
    const { http2Servers } = this.#server as unknown as {
      readonly http2Servers: ReadonlyMap<unknown, { readonly sessions: ReadonlySet<ServerHttp2Session> }>;
    };
    for (const { sessions } of [...http2Servers.values()]) for (const session of [...sessions]) session.destroy();
    this.#server.forceShutdown();
  }
}
