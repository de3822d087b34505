import type { GatewayParts } from "../gateway-parts";
import { ClusterFeed } from "./cluster-feed";
import { ClusterReadings } from "./cluster-readings";
import { DirectorReader } from "./director-reader";
import { findDirector } from "./directors";

type Parts = Pick<GatewayParts, "director" | "agents" | "config" | "connectDirector" | "clock">;

/** One feed for each director that somebody looks at, shared by all who do. As many as the cluster has directors, at most. */
export class Feeds {
  readonly #parts: Parts;
  readonly #feeds = new Map<string, ClusterFeed>();
  #made = 0;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Undefined where there is no director of that id, and when no more are given out. "" is this director. */
  async of(directorId: string): Promise<ClusterFeed | undefined> {
    const { clock, config } = this.#parts;
    const id = directorId || config.directorId;
    const known = this.#feeds.get(id);
    if (known) return known;
    const clients = await findDirector(this.#parts, id);
    if (!clients || this.#isClosed) return undefined;
    // Somebody else may have asked for it meanwhile.
    const made = this.#feeds.get(id);
    if (made) {
      clients.close();
      return made;
    }
    this.#made += 1;
    const feed: ClusterFeed = new ClusterFeed({
      clock,
      reader: new DirectorReader(clients, { clock, clusterName: config.clusterName }),
      readings: new ClusterReadings(id),
      life: `${Math.floor(clock.wallMs()).toString(36)}.${this.#made}`,
      ended: () => this.#feeds.delete(id),
    });
    this.#feeds.set(id, feed);
    return feed;
  }

  close(): void {
    this.#isClosed = true;
    for (const feed of [...this.#feeds.values()]) feed.stop();
  }
}
