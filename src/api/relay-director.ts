import type { DirectorConfig } from "../config/director-settings";
import type { IncomingCall } from "../core/call";
import type { DirectorServer } from "../director/director";
import type { RelayServer } from "../relay/relay-server";
import type { LiveTls } from "../wire/live-tls";
import { MessageServices } from "../rpc/message-services";
import type { ProcessParts } from "./process-parts";
import { relayServer } from "./relay-parts";

/** A director's port in its own process: its own services get whole messages, all other calls go on as they come. */
export class RelayingServer implements DirectorServer {
  readonly #relay: RelayServer;
  readonly #control: MessageServices;

  constructor(config: DirectorConfig, parts: ProcessParts, tls: LiveTls) {
    this.#control = new MessageServices(parts.clock, config.messageMaxBytes);
    this.#relay = relayServer(config, { ...parts, tls, isControl: (path) => this.#control.has(path) });
    this.#relay.handleControl((call, connection) => this.#control.serve(call, connection));
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#control.handle(path, handler);
  }

  handleUnknown(handler: (call: IncomingCall) => void): void {
    this.#relay.handleUnknown(handler);
  }

  listen(address: string, field: string): Promise<string> {
    return this.#relay.listen(address, field);
  }

  drain(): Promise<void> {
    return this.#relay.drain();
  }

  close(): void {
    this.#relay.close();
  }
}
