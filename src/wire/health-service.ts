import type { ServerWritableStream } from "@grpc/grpc-js";

import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
} from "../../generated/grpc/health/v1/health";
import { Status } from "../core/status";
import { safeMessage } from "../core/call-end";

export interface ServiceHealthOptions {
  /** Watch calls open at once; the next one ends with RESOURCE_EXHAUSTED. Default 1,000. */
  readonly watchersMax?: number;
}

/**
 * The standard health service (grpc.health.v1); `service` and `implementation` are to be added to a grpc-js server.
 *
 * The server as a whole is the service "". It is known from the start, and not serving until it is said to. A slow watcher
 * skips to the latest status.
 */
export class ServiceHealth {
  readonly service = HealthService;
  readonly implementation: HealthServer;
  readonly #serving = new Map<string, boolean>([["", false]]);
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #watchersMax: number;
  #watcherCount = 0;
  #stopped = false;

  constructor(options: ServiceHealthOptions = {}) {
    this.#watchersMax = options.watchersMax ?? 1_000;
    this.implementation = {
      check: ({ request }, callback) => {
        const serving = this.#serving.get(request.service);
        if (serving !== undefined) callback(null, { status: statusOf(serving) });
        else callback({ code: Status.NOT_FOUND, details: safeMessage(`no service ${request.service} is known here`) });
      },
      list: (_call, callback) => {
        const statuses = [...this.#serving].map(([name, serving]) => [name, { status: statusOf(serving) }] as const);
        callback(null, { statuses: new Map(statuses) });
      },
      watch: (stream) => this.#watch(stream),
    };
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
    for (const watcher of [...this.#watchers.values()].flatMap((watchers) => [...watchers])) watcher.end();
  }

  #publish(service: string): void {
    for (const watcher of this.#watchers.get(service) ?? []) watcher.send(this.#watchedStatus(service));
  }

  #watchedStatus(service: string): ServingStatus {
    const serving = this.#serving.get(service);
    return serving === undefined ? ServingStatus.SERVICE_UNKNOWN : statusOf(serving);
  }

  #watch(stream: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>): void {
    const { service } = stream.request;
    if (this.#watcherCount >= this.#watchersMax) {
      stream.emit("error", {
        code: Status.RESOURCE_EXHAUSTED,
        details: `${this.#watchersMax} health watches are open, and no more are taken: use Check`,
      });
      return;
    }
    const watcher = watcherOf(stream);
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(watcher));
    this.#watcherCount += 1;
    stream.once("close", () => {
      this.#watcherCount -= 1;
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service);
    });
    watcher.send(this.#watchedStatus(service));
  }
}

interface Watcher {
  /** Sends the status now or, to a slow reader, when it has read; of several that wait only the last is sent. */
  send(status: ServingStatus): void;
  end(): void;
}

function watcherOf(stream: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>): Watcher {
  let sent: ServingStatus | undefined;
  let latest: ServingStatus | undefined;
  let full = false;
  const flush = () => {
    if (full || !stream.writable || latest === undefined || latest === sent) return;
    sent = latest;
    full = !stream.write({ status: latest });
  };
  stream.on("drain", () => {
    full = false;
    flush();
  });
  return {
    send: (status) => {
      latest = status;
      flush();
    },
    end: () => void stream.emit("error", { code: Status.UNAVAILABLE, details: "the server is stopping" }),
  };
}

function statusOf(serving: boolean): ServingStatus {
  return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
