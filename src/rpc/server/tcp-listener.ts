import { createServer, type Server, type Socket } from "node:net";
import { formatAddress, parseAddress } from "../../core/address";
import { FabricError, messageOf } from "../../core/errors";

/** A listening socket. What becomes of the connections it accepts is for `onSocket` to say. */
export class TcpListener {
  readonly #server: Server;

  /** @param paused - nothing is read from the connections, so that another process can take them over whole */
  constructor(onSocket: (socket: Socket) => void, paused = false) {
    this.#server = createServer({ noDelay: true, pauseOnConnect: paused }, onSocket);
  }

  /**
   * Starts to listen; port 0 takes a free one. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  async listen(address: string, field: string): Promise<string> {
    const { host, port } = parseAddress(address, field);
    await new Promise<void>((resolve, reject) => {
      const refused = (error: Error) => reject(cannotBind(address, field, error));
      this.#server.once("error", refused);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", refused);
        this.#server.on("error", () => {}); // of a single accept
        resolve();
      });
    });
    const bound = this.#server.address() as { readonly port: number };
    return formatAddress({ host, port: bound.port });
  }

  /** Takes no new connections; those it took go on. */
  close(): void {
    this.#server.close();
  }
}

function cannotBind(address: string, field: string, error: Error): FabricError {
  const reason = /EADDRINUSE/.test(messageOf(error))
    ? "the port is in use: stop what uses it or choose another"
    : messageOf(error);
  return new FabricError("INVALID_ARGUMENT", `${field} is "${address}": cannot listen there: ${reason}`, {
    cause: error,
  });
}
