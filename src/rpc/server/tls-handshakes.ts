import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { CancelTimer, Clock } from "../../core/clock";

/** What a port shows, and whom it lets in. PEM. */
export interface ServingTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Clients must show a certificate that one of these authorities signed. Absent: they need none. */
  readonly clientCa?: Buffer | undefined;
}

/** TLS whose files may be renewed. */
export interface TlsSource {
  readonly current: ServingTls;
  /** Tells of what is to be shown from now on, until it is ended by what it returns. */
  watch(listener: (renewed: ServingTls) => void): () => void;
}

export interface TlsHandshakesParts {
  readonly clock: Clock;
  readonly tls: TlsSource;
  /** From the beginning to the end of a handshake, however busy the client keeps it. */
  readonly timeoutMs: number;
  onSecure(socket: TLSSocket): void;
  onTimeout(socket: Socket): void;
  /** A handshake gave way to a newer one. */
  onCrowdedOut(socket: Socket): void;
  /** A client was refused for its certificate, or for having none. */
  onUnauthorized(socket: TLSSocket, reason: string): void;
}

/**
 * Handshakes under way at once. One costs some 60 KiB before its client has proved anything, so all cost 30 MiB. Beyond it the oldest
 * gives way: whoever means it is done in a few round trips, and a flood of 500 a second takes a second to get there.
 */
export const HANDSHAKES_MAX = 512;

interface Pending {
  readonly socket: Socket;
  readonly cancelTimer: CancelTimer;
}

/**
 * Makes TLS of accepted connections.
 * - H1 nobody gets past without "h2" negotiated and, where authorities are given, a certificate that was verified: what Node says
 *   is looked at here, and everything but an explicit yes is a no.
 * - H2 a handshake that fails is the client's affair: it ends that connection and nothing else.
 * - H3 no more than `HANDSHAKES_MAX` are under way.
 */
export class TlsHandshakes {
  readonly #parts: TlsHandshakesParts;
  /** Never listens: it is given sockets. */
  readonly #server: Server;
  /** Under way, by the peer's address and port, which the secured socket has too. */
  readonly #pending = new Map<string, Pending>();
  readonly #asksClients: boolean;
  #unwatch: (() => void) | undefined;

  constructor(parts: TlsHandshakesParts) {
    this.#parts = parts;
    const { current } = parts.tls;
    this.#asksClients = current.clientCa !== undefined;
    const asksClients = this.#asksClients ? { requestCert: true, rejectUnauthorized: false } : {};
    this.#server = createServer({ ...contextOf(current), ...asksClients, ALPNProtocols: ["h2"] }, (socket) =>
      this.#shakenHands(socket),
    );
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  /** Watches for renewed TLS, which handshakes from then on use, until `close`. Whether clients are asked for certificates stays as it is. */
  watch(): void {
    this.#unwatch ??= this.#parts.tls.watch((renewed) => this.#server.setSecureContext(contextOf(renewed)));
  }

  begin(socket: Socket): void {
    this.watch();
    const peer = peerOf(socket);
    const cancelTimer = this.#parts.clock.after(this.#parts.timeoutMs, () => {
      this.#parts.onTimeout(socket);
      socket.destroy();
    });
    this.#pending.set(peer, { socket, cancelTimer });
    if (this.#pending.size > HANDSHAKES_MAX) this.#dropOldest();
    socket.once("close", () => {
      if (this.#pending.get(peer)?.socket === socket) this.#forget(peer);
    });
    this.#server.emit("connection", socket);
  }

  /** Ends the handshakes that are under way. */
  close(): void {
    this.#unwatch?.();
    this.#unwatch = () => {};
    for (const { socket } of this.#pending.values()) socket.destroy();
  }

  #shakenHands(socket: TLSSocket): void {
    this.#forget(peerOf(socket));
    if (this.#asksClients && socket.authorized !== true) {
      this.#parts.onUnauthorized(socket, String(socket.authorizationError ?? "it was not verified"));
      socket.destroy();
    } else if (socket.alpnProtocol !== "h2") {
      socket.destroy();
    } else {
      this.#parts.onSecure(socket);
    }
  }

  #dropOldest(): void {
    for (const [peer, { socket }] of this.#pending) {
      this.#forget(peer);
      this.#parts.onCrowdedOut(socket);
      socket.destroy();
      return;
    }
  }

  #forget(peer: string): void {
    this.#pending.get(peer)?.cancelTimer();
    this.#pending.delete(peer);
  }
}

/** An empty list of authorities would mean those that Node knows. */
function contextOf({ cert, key, clientCa }: ServingTls) {
  return { cert, key, ca: clientCa ?? [] };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
