import type { Connection } from "../../core/call";
import { FabricError } from "../../core/errors";
import type { GatewayParts } from "../gateway-parts";

/** Directors that are kept connected to. The one that was asked longest ago goes when there are more. */
const KEPT_MAX = 256;

/** Ways to the other directors of the cluster, for what only one of them can answer: its own counters, sessions, drains. */
export class DirectorConnections {
  readonly #parts: Pick<GatewayParts, "config" | "connection" | "director" | "connectDirector">;
  /** By address, the one that was asked last at the end. */
  readonly #kept = new Map<string, Connection>();
  #isClosed = false;

  constructor(parts: Pick<GatewayParts, "config" | "connection" | "director" | "connectDirector">) {
    this.#parts = parts;
  }

  /**
   * @param directorId - "" or its own id: this director
   * @returns a promise only for another director, which rejects with a FabricError INVALID_ARGUMENT when no director has that id
   */
  to(directorId: string): Connection | Promise<Connection> {
    const { config, connection } = this.#parts;
    return directorId === "" || directorId === config.directorId ? connection : this.#toOther(directorId);
  }

  async #toOther(directorId: string): Promise<Connection> {
    const { connection, director } = this.#parts;
    const { directors } = await director.getTopology({});
    const wanted = directors.find((each) => each.directorId === directorId);
    if (wanted === undefined) {
      const ids = directors.map((each) => each.directorId).join(", ");
      throw new FabricError(
        "INVALID_ARGUMENT",
        `heddle-director is ${JSON.stringify(directorId.slice(0, 120))}, and the directors are ${ids || "unknown"}: name one of them`,
      );
    }
    return wanted.self ? connection : this.at(wanted.address);
  }

  /** To the director with this gRPC address. */
  at(address: string): Connection {
    if (this.#isClosed) throw new FabricError("WORKER_UNREACHABLE", "the gateway is stopping");
    const connection = this.#kept.get(address) ?? this.#parts.connectDirector(address);
    this.#kept.delete(address);
    this.#kept.set(address, connection);
    for (const [oldest, unused] of this.#kept) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
      unused.close();
    }
    return connection;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#kept.values()) connection.close();
    this.#kept.clear();
  }
}
