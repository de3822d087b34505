import type { Socket } from "node:net";
import { formatAddress } from "../../core/address";
import type { Clock } from "../../core/clock";
import { ConnectionBounds } from "./connection-bounds";
import { ConnectionRefusals } from "./connection-refusals";
import type { LimitLog } from "./limit-log";

export interface ConnectionGateOptions {
  readonly clock: Clock;
  readonly log: LimitLog;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Whether the connections begin with a TLS handshake: within it they could only be told after what costs. */
  readonly isTls: boolean;
}

/** Lets in as many connections as there may be, and tells the others why not. */
export class ConnectionGate {
  readonly #log: LimitLog;
  readonly #isTls: boolean;
  readonly #bounds: ConnectionBounds;
  readonly #refusals: ConnectionRefusals;

  constructor({ clock, log, connectionsMax, connectionsPerAddressMax, isTls }: ConnectionGateOptions) {
    this.#log = log;
    this.#isTls = isTls;
    this.#bounds = new ConnectionBounds(connectionsMax, connectionsPerAddressMax);
    this.#refusals = new ConnectionRefusals(clock);
  }

  /** True: it counts until `release` with its remote address ("" for none). False: it was refused, and is not the caller's any more. */
  admits(socket: Socket): boolean {
    const bound = this.#bounds.take(socket.remoteAddress ?? "");
    if (bound === undefined) return true;
    this.#log.over(bound, peerOf(socket));
    if (this.#isTls) socket.destroy();
    else this.#refusals.tell(socket, `${bound}: try later, or another server`);
    return false;
  }

  release(remoteAddress: string): void {
    this.#bounds.release(remoteAddress);
  }
}

/** For logs. */
export function peerOf({ remoteAddress = "unknown", remotePort = 0 }: Socket): string {
  return formatAddress({ host: remoteAddress, port: remotePort });
}
