import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { PeerCertificate } from "../../core/call";
import { CallSource } from "../../core/call-source";
import type { CancelTimer, Clock } from "../../core/clock";
import type { Random } from "../../core/random";
import { Http2Connection } from "../../http2/connection";
import type { StreamHandler } from "../../http2/handlers";
import type { HeaderList } from "../../http2/header-list";
import type { LimitName } from "../../http2/limits";
import type { Http2Options } from "../../http2/options";
import type { Http2Stream } from "../../http2/stream";
import type { PortLimits } from "./port-limits";
import { ServerCall } from "./server-call";

/** A grace without end; whoever wants an end before that makes it by `destroy`. */
const DRAIN_MS = 24 * 3_600_000;

export interface ServerConnectionParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly engine: Omit<Http2Options, "clock" | "random">;
  readonly limits: PortLimits;
  begin(connection: ServerConnection, stream: Http2Stream, headers: HeaderList, endStream: boolean): StreamHandler;
  /** The client went over a limit of the engine. */
  over(connection: ServerConnection, limit: LimitName): void;
  closed(connection: ServerConnection): void;
}

/** A client's connection, from the end of its TLS handshake to its own. */
export class ServerConnection {
  /** Address and port of the client. */
  readonly peer: string;
  readonly source: CallSource;
  readonly #connection: Http2Connection;
  readonly #cancelAge: CancelTimer | undefined;

  constructor(socket: Duplex, peer: string, parts: ServerConnectionParts) {
    const { clock, random, engine, limits } = parts;
    this.peer = peer;
    this.source = new CallSource(peer, clock, () => certificateOf(socket));
    // Not all at once, or the clients that came together would come together again (gRFC A9).
    const ageMs = limits.ageMaxMs * (0.9 + 0.2 * random.unit());
    this.#cancelAge = limits.ageMaxMs > 0 ? clock.after(ageMs, () => this.#retire(limits.ageGraceMs)) : undefined;
    this.#connection = new Http2Connection(
      "server",
      socket,
      {
        onStream: (stream, headers, endStream) => parts.begin(this, stream, headers, endStream),
        onLimit: (name) => parts.over(this, name),
        onClose: () => {
          this.#cancelAge?.();
          parts.closed(this);
        },
      },
      { ...engine, clock, random },
    );
  }

  /** Calls that are open now. */
  calls(): ServerCall[] {
    return this.#connection.streams.all().flatMap(({ handler }) => (handler instanceof ServerCall ? [handler] : []));
  }

  /** It has a call that lasts as long as its client lives: age does not end it. */
  keep(): void {
    this.#cancelAge?.();
  }

  /** Takes no new calls; ends with the last one it has. */
  drain(): void {
    this.#retire(0);
  }

  destroy(code: number, message: string): void {
    this.#connection.destroy(code, message);
  }

  #retire(graceMs: number): void {
    this.#connection.shutdown(graceMs === 0 ? DRAIN_MS : graceMs);
  }
}

/** Without client certificates being asked for, nobody is authorized. */
function certificateOf(socket: Duplex): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  return Object.hasOwn(certificate, "raw") ? certificate : undefined;
}
