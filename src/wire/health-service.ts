import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from "../../generated/grpc/health/v1/health";
import { CallError } from "../core/errors";
import { MessageQueue } from "../core/message-queue";
import { Status } from "../core/status";
import { mountService, type MountedService } from "../rpc/service/service-handlers";

export interface ServiceHealthOptions {
  /** Watch calls open at once; the next one ends with RESOURCE_EXHAUSTED. Default 1,000. */
  readonly watchersMax?: number;
}

/** The latest status alone: a slow watcher skips those between. */
type Watcher = MessageQueue<ServingStatus>;

/**
 * The standard health service (grpc.health.v1).
 *
 * The server as a whole is the service "". It is known from the start, and not serving until it is said to. A slow watcher
 * skips to the latest status.
 */
export class ServiceHealth {
  readonly service: MountedService;
  readonly #serving = new Map<string, boolean>([["", false]]);
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #watchersMax: number;
  #watcherCount = 0;
  #stopped = false;

  constructor(options: ServiceHealthOptions = {}) {
    this.#watchersMax = options.watchersMax ?? 1_000;
    this.service = mountService(HealthDefinition, {
      check: ({ service }) => {
        const serving = this.#serving.get(service);
        if (serving === undefined) throw new CallError(Status.NOT_FOUND, `no service ${service} is known here`);
        return { status: statusOf(serving) };
      },
      list: () => ({
        statuses: new Map([...this.#serving].map(([name, serving]) => [name, { status: statusOf(serving) }])),
      }),
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    });
  }

  /** Makes the service known, and says whether it can be called; "" is the server as a whole. Does nothing after `stop`. */
  setStatus(service: string, serving: boolean): void {
    if (this.#stopped || this.#serving.get(service) === serving) return;
    this.#serving.set(service, serving);
    this.#publish(service);
  }

  /** Makes the service unknown again. The server as a whole stays known. */
  forget(service: string): void {
    if (service === "" || !this.#serving.delete(service)) return;
    this.#publish(service);
  }

  /** First step of a shutdown: nothing is serving, and nothing will be. Watch calls go on. */
  stop(): void {
    this.#stopped = true;
    for (const service of this.#serving.keys()) {
      this.#serving.set(service, false);
      this.#publish(service);
    }
  }

  /** Ends all Watch calls with UNAVAILABLE. Without it a server that waits for its open calls waits for its watchers. */
  endWatches(): void {
    const stopping = new CallError(Status.UNAVAILABLE, "the server is stopping");
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.fail(stopping);
  }

  #publish(service: string): void {
    for (const watcher of this.#watchers.get(service) ?? []) watcher.replace(this.#watchedStatus(service));
  }

  #watchedStatus(service: string): ServingStatus {
    const serving = this.#serving.get(service);
    return serving === undefined ? ServingStatus.SERVICE_UNKNOWN : statusOf(serving);
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    if (this.#watcherCount >= this.#watchersMax) {
      const what = `${this.#watchersMax} health watches are open, and no more are taken: use Check`;
      throw new CallError(Status.RESOURCE_EXHAUSTED, what);
    }
    const watcher: Watcher = new MessageQueue();
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(watcher));
    this.#watcherCount += 1;
    const leave = () => watcher.end();
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    try {
      watcher.replace(this.#watchedStatus(service));
      let sent: ServingStatus | undefined;
      for await (const status of watcher) {
        if (status !== sent) yield { status };
        sent = status;
      }
    } finally {
      signal.removeEventListener("abort", leave);
      this.#watcherCount -= 1;
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service);
    }
  }
}

function statusOf(serving: boolean): ServingStatus {
  return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
