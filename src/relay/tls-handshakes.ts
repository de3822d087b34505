import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";

/** Makes TLS of accepted connections. Those that do not negotiate "h2" are closed: a handshake that fails is the client's affair. */
export class TlsHandshakes {
  /** Never listens: it is given sockets. */
  readonly #server: Server;
  /** Under way, by the peer's address and port, which the secured socket has too. */
  readonly #pending = new Map<string, Socket>();

  constructor(pair: { readonly cert: Buffer; readonly key: Buffer }, onSecure: (socket: TLSSocket) => void) {
    this.#server = createServer({ ...pair, ALPNProtocols: ["h2"] }, (socket) => {
      this.#pending.delete(peerOf(socket));
      if (socket.alpnProtocol === "h2") onSecure(socket);
      else socket.destroy();
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  begin(socket: Socket): void {
    const peer = peerOf(socket);
    this.#pending.set(peer, socket);
    socket.once("close", () => {
      if (this.#pending.get(peer) === socket) this.#pending.delete(peer);
    });
    this.#server.emit("connection", socket);
  }

  /** Ends the handshakes that are under way. */
  close(): void {
    for (const socket of this.#pending.values()) socket.destroy();
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
