import { ComputeServiceDefinition } from "../../src/api/index";
import type { FabricClient } from "../../src/api/client";
import type { IntentKind } from "../../generated/heddle/v1/member";
import { Cluster, type Started, type StoreName } from "./cluster";
import { eventually } from "./processes";

export interface SceneDirector extends Started {
  readonly id: string;
  /** "http://127.0.0.1:40123/". */
  readonly url: string;
}

const ZONES = ["ams-1", "fra-1", "lon-1"];

/** A cluster with something to see: several zones, workers that are ready, full, draining, cordoned, in standby, and gone. */
export class DashboardScene {
  readonly cluster: Cluster;
  readonly client: FabricClient;
  readonly directors: readonly SceneDirector[];
  readonly #stop = new AbortController();
  readonly #calls: Promise<unknown>[] = [];

  private constructor(cluster: Cluster, directors: readonly SceneDirector[]) {
    this.cluster = cluster;
    this.directors = directors;
    this.client = cluster.connect();
  }

  static async open(store: StoreName, directorIds: readonly string[]): Promise<DashboardScene> {
    const cluster = await Cluster.open(store);
    const directors: SceneDirector[] = [];
    for (const id of directorIds) directors.push(await startDirector(cluster, id));
    return new DashboardScene(cluster, directors);
  }

  /** The director at the same addresses as before, after it was stopped. */
  restart({ id, address, url }: SceneDirector): Promise<SceneDirector> {
    return startDirector(this.cluster, id, { address, httpAddress: new URL(url).host });
  }

  async workers(labels: readonly string[], tags: Readonly<Record<string, string>> = {}): Promise<Started[]> {
    return Promise.all(
      labels.map((label, index) =>
        this.cluster.worker(label, {
          env: {
            WORKER_SLOTS: "8",
            WORKER_TAGS: Object.entries({ zone: ZONES[index % ZONES.length]!, ...tags })
              .map((pair) => pair.join("="))
              .join(","),
          },
        }),
      ),
    );
  }

  /** Calls of one worker, so many at a time, until the scene is closed. */
  keepBusy(label: string, atOnce: number, taskMs: () => number): void {
    const compute = this.client.client(ComputeServiceDefinition);
    const run = async () => {
      while (!this.#stop.signal.aborted) {
        const request = { task: "sleep", parameters: new Map([["ms", String(taskMs())]]) };
        const options = { metadata: { "heddle-worker": label }, signal: this.#stop.signal };
        await compute.execute(request, options).catch(() => new Promise((wake) => setTimeout(wake, 50)));
      }
    };
    for (let index = 0; index < atOnce; index += 1) this.#calls.push(run());
  }

  async intent(memberId: string, kind: IntentKind, reason: string): Promise<void> {
    await this.client.director.setIntent({ memberId, kind, reason, setBy: "ada" });
  }

  async whenState(memberId: string, isSo: (member: { ready: boolean; state: number }) => boolean): Promise<void> {
    await eventually(`${memberId} is as the scene has it`, async () => {
      const { members } = await this.client.director.listMembers({});
      const member = members.find((of) => of.memberId === memberId);
      return member !== undefined && isSo(member);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#calls);
    await this.cluster.close();
  }
}

async function startDirector(
  cluster: Cluster,
  id: string,
  at: { readonly address?: string; readonly httpAddress?: string } = {},
): Promise<SceneDirector> {
  const director = await cluster.director({
    ...(at.address === undefined ? {} : { address: at.address }),
    env: {
      HEDDLE_HTTP_ADDR: at.httpAddress ?? "127.0.0.1:0",
      HEDDLE_DIRECTOR_ID: id,
      HEDDLE_CLUSTER_NAME: "looms",
      HEDDLE_DEAD_TTL_MS: "600000",
    },
  });
  const line = await director.process.whenLogs("🌐 HTTP at ");
  return { ...director, id, url: /https?:\/\/\S+/.exec(line)![0] };
}
