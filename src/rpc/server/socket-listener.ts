import { createServer, type Server, type Socket } from "node:net";
import { type SocketAddress, formatAddress } from "../../core/address";
import { bindTo } from "./bind";

/** A listening socket: TCP or unix. What becomes of the connections it accepts is for `onSocket` to say. */
export class SocketListener {
  readonly #server: Server;

  /** @param paused - nothing is read from the connections, so that another process can take them over whole */
  constructor(onSocket: (socket: Socket) => void, paused = false) {
    this.#server = createServer({ noDelay: true, pauseOnConnect: paused }, onSocket);
  }

  /**
   * Starts to listen; port 0 takes a free one, and a unix socket's file that a process left behind is replaced. Resolves to the real address.
   * @throws FabricError INVALID_ARGUMENT when the address cannot be bound
   */
  async listen(text: string, field: string): Promise<string> {
    const address = await bindTo(text, field, (each) => this.#bind(each));
    this.#server.on("error", () => {}); // of a single accept
    return formatAddress(address);
  }

  /** Takes no new connections, and removes the file of a unix socket; the connections it took go on. */
  close(): void {
    this.#server.close();
  }

  #bind(address: SocketAddress): Promise<SocketAddress> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ ...address }, () => {
        this.#server.off("error", reject);
        const { port } = this.#server.address() as { readonly port: number };
        resolve("path" in address ? address : { host: address.host, port });
      });
    });
  }
}
