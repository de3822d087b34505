import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DirectorConfig } from "../config/director-settings";
import type { IncomingCall } from "../core/call";
import type { DirectorServer } from "../director/director";
import { RelayFleet } from "../relay-process/relay-fleet";
import { ConnectionGate } from "../rpc/server/connection-gate";
import { LimitLog } from "../rpc/server/limit-log";
import { SocketListener } from "../rpc/server/socket-listener";
import type { Port } from "../rpc/server/port";
import { MessageServices } from "../rpc/server/message-services";
import { openRelayProcess } from "./relay-child";
import { relayPort } from "./relay-parts";
import type { ProcessParts } from "./process-parts";
import type { RelaySettings } from "./relay-program";

/**
 * A director's port whose connections are served by processes of their own. What they get for the director's own services comes
 * back to `control` over a socket in a folder that only this user may enter.
 */
export class RelayFleetServer implements DirectorServer {
  readonly fleet: RelayFleet;
  readonly #control: MessageServices;
  readonly #gate: ConnectionGate;
  readonly #listener: SocketListener;
  /** Serves what the relay processes pass on. */
  readonly #private: Port;
  readonly #privateListener: Server;
  #folder = "";

  /** @throws FabricError INVALID_ARGUMENT where the program of a relay process cannot be started */
  constructor(config: DirectorConfig, parts: ProcessParts) {
    const control = new MessageServices(parts.clock, config.messageMaxBytes);
    this.#control = control;
    const { streamsPerConnectionMax, headerListMaxBytes } = config;
    // The relay processes have checked the rest.
    const limits = { streamsPerConnectionMax, headerListMaxBytes };
    const isOwn = (path: string) => control.has(path);
    this.#private = relayPort(config, { ...parts, tls: undefined, limits, isOwn });
    this.#private.handleOwn((call, connection) => control.serve(call, connection));
    this.#privateListener = createServer((socket) => this.#private.accept(socket));
    this.fleet = new RelayFleet({
      ...parts,
      size: config.relayWorkers,
      released: (address) => this.#gate.release(address),
      open: (number) => openRelayProcess(number),
      settings: (): RelaySettings => ({
        config,
        controlSocket: this.#controlSocket(),
        controlPaths: [...control.paths],
      }),
    });
    const isTls = config.tlsCertFile !== "";
    this.#gate = new ConnectionGate({ ...parts, ...config, log: new LimitLog(parts.clock, parts.logger), isTls });
    this.#listener = new SocketListener((socket) => {
      if (this.#gate.admits(socket)) this.fleet.accept(socket);
    }, true);
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#control.handle(path, handler);
  }

  /** The relay processes take them. */
  handleUnknown(): void {}

  async listen(address: string, field: string): Promise<string> {
    this.#folder = await mkdtemp(join(tmpdir(), "heddle-"));
    await new Promise<void>((resolve, reject) => {
      this.#privateListener.once("error", reject);
      this.#privateListener.listen(this.#controlSocket(), resolve);
    });
    try {
      await this.fleet.start();
      return await this.#listener.listen(address, field);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  drain(): Promise<void> {
    this.#listener.close();
    return this.fleet.drain();
  }

  close(): void {
    this.#listener.close();
    this.fleet.close("the director is stopping");
    this.#privateListener.close();
    this.#private.close();
    void rm(this.#folder, { recursive: true, force: true });
  }

  #controlSocket(): string {
    return join(this.#folder, "control.sock");
  }
}
