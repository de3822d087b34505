import type { Clock } from "../core/clock";
import { MessageQueue } from "../core/message-queue";
import type { DirectorServiceDefinition, EndpointInfo, WatchEndpointsResponse } from "../wire/contract";
import { eventToWire, loadToWire, tagsToWire } from "../wire/member-codec";
import type { Handlers } from "../rpc/service/service-handlers";
import type { EventLog } from "./event-log";
import type { MemberReport } from "./member-report";
import type { PooledEndpoint } from "./worker-pool";

export interface WatchRpcsParts {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly report: MemberReport;
  /** Endpoints that may be picked now. */
  ready(): readonly PooledEndpoint[];
  policy(): string;
  directors(): readonly string[];
  /** Calls `listener` after every change of what a client may pick, and of the policy. Returns how to stop. */
  onChange(listener: () => void): () => void;
  /** Aborts when the director stops, which ends the watches. */
  readonly stopping: AbortSignal;
}

type WatchRpcs = Pick<Handlers<DirectorServiceDefinition>, "watchEndpoints" | "watchEvents">;

/** Pause between two messages of one watch: a fleet that starts must not send each client the whole list for each worker. */
const COALESCE_MS = 20;
/** Policies that look at the load the workers report; for the others the load is sent along with other changes only. */
const LOAD_POLICIES: ReadonlySet<string> = new Set(["least-loaded", "weighted"]);
const LOAD_REFRESH_MS = 1_000;

export function watchRpcs(parts: WatchRpcsParts): WatchRpcs {
  return {
    watchEndpoints: async function* ({ service, directorsOnly }, { signal }) {
      const ended = AbortSignal.any([signal, parts.stopping]);
      const changes = new MessageQueue<true>();
      const unsubscribe = parts.onChange(() => changes.replace(true));
      const end = () => changes.end();
      ended.addEventListener("abort", end, { once: true });
      const refresh = directorsOnly ? undefined : refreshLoads(parts, () => changes.replace(true), ended);
      let told = "";
      try {
        changes.push(true);
        let revision = 0n;
        for await (const _ of changes) {
          const directors = [...parts.directors()];
          if (directorsOnly && directors.join() === told) continue;
          told = directors.join();
          revision += 1n;
          if (directorsOnly) yield { revision, endpoints: [], policy: parts.policy(), directors };
          else yield snapshot(parts, service, revision);
          await parts.clock.sleep(COALESCE_MS, ended).catch(() => {});
        }
      } finally {
        unsubscribe();
        ended.removeEventListener("abort", end);
        await refresh;
      }
    },

    watchEvents: async function* ({ afterRevision, latestMax }, { signal }) {
      const ended = AbortSignal.any([signal, parts.stopping]);
      const events =
        latestMax > 0 ? parts.events.watchLatest(latestMax, ended) : parts.events.watch(Number(afterRevision), ended);
      for await (const event of events) {
        const member = event.record && parts.report.toWire(event.record);
        yield { event: { ...eventToWire(event), member } };
      }
    },
  };
}

function snapshot(parts: WatchRpcsParts, service: string, revision: bigint): WatchEndpointsResponse {
  const endpoints = parts.ready().filter((endpoint) => service === "" || endpoint.services.has(service));
  return {
    revision,
    endpoints: endpoints.map(endpointInfo),
    policy: parts.policy(),
    directors: [...parts.directors()],
  };
}

function endpointInfo(endpoint: PooledEndpoint): EndpointInfo {
  const { record } = endpoint;
  return {
    memberId: endpoint.memberId,
    label: record.label,
    address: endpoint.address,
    incarnation: BigInt(record.incarnation),
    tags: tagsToWire(endpoint.tags),
    services: [...endpoint.services],
    slots: endpoint.slots,
    load: loadToWire(endpoint.reportedLoad),
    standby: endpoint.standby,
    dataKeepalive: record.dataKeepalive,
  };
}

async function refreshLoads(parts: WatchRpcsParts, send: () => void, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    await parts.clock.sleep(LOAD_REFRESH_MS, ended).catch(() => {});
    if (!ended.aborted && LOAD_POLICIES.has(parts.policy())) send();
  }
}
