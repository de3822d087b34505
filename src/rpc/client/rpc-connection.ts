import type { LookupFunction } from "node:net";
import type { SecureContext } from "node:tls";
import type { Connection, MessageEncoding } from "../../core/call";
import type { Clock } from "../../core/clock";
import type { Random } from "../../core/random";
import { dialer } from "./dial";
import { MessageConnection } from "./message-connection";
import { Subchannel } from "./subchannel";

/** What is trusted, and who we are. */
export interface DialingTls {
  /** To be asked for each connection. */
  context(): SecureContext;
  /** Keeps what it is made of up to date until it is ended by what it returns. */
  watch(): () => void;
}

export interface RpcConnectionOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly messageMaxBytes: number;
  /** Interval of HTTP/2 PINGs after silence; 0 sends none. */
  readonly keepaliveMs: number;
  /** Default: plain text. */
  readonly tls?: DialingTls | undefined;
  readonly reconnectMaxMs: number;
  readonly userAgent: string;
  /** Of requests of calls that do not say how they are sent. Default "identity". */
  readonly compression?: MessageEncoding | undefined;
  /** Of metadata of an answer; see SubchannelOptions. */
  readonly headerListMaxBytes?: number | undefined;
  /** Finds the addresses of a name. Default: the system's. */
  readonly lookup?: LookupFunction | undefined;
  /** From the attempt to the peer's SETTINGS, over all addresses of a name. */
  readonly connectTimeoutMs?: number;
}

/** A connection in whole messages to one address. Calls made while it connects wait for the outcome. */
export function rpcConnection(address: string, options: RpcConnectionOptions): Connection {
  const { tls } = options;
  const chunks = new Subchannel(address, {
    ...options,
    scheme: tls === undefined ? "http" : "https",
    dial: dialer({ context: tls?.context, lookup: options.lookup }),
    holdsCalls: true,
    onClose: tls?.watch(),
  });
  return new MessageConnection(chunks, options);
}
