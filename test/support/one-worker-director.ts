import { Balancer } from "../../src/balancing/balancer";
import type { DispatchRequest } from "../../src/balancing/dispatch";
import { Dispatcher } from "../../src/balancing/dispatcher";
import { serviceOf } from "../../src/balancing/service-index";
import type { Connection } from "../../src/core/call";
import { FabricError } from "../../src/core/errors";
import { type MemberRecord, NO_LOAD, NO_RESOURCES } from "../../src/core/member";
import { seededRandom } from "../../src/core/random";
import { CallRouter } from "../../src/director/call-router";
import { PooledEndpoint } from "../../src/director/worker-pool";
import { systemClock } from "../../src/platform/system-clock";
import { dialer } from "../../src/rpc/client/dial";
import { Subchannel } from "../../src/rpc/client/subchannel";
import { FramedMessages } from "../../src/rpc/framing/framed-messages";
import { RpcServer } from "../../src/rpc/server/rpc-server";
import type { LiveTls } from "../../src/wire/live-tls";
import { dialingTls, servingTls } from "../../src/wire/tls";

export interface OneWorkerDirectorOptions {
  /** Of both its sides. Default: plain text. */
  readonly tls?: LiveTls | undefined;
  readonly messageMaxBytes: number;
  /** What the worker serves. */
  readonly services: readonly string[];
  /** How long calls wait for the worker. */
  readonly queueTimeoutMs: number;
}

/**
 * The way of a call through a director, of the real parts: its port, the router, the dispatcher, and a connection to a worker that
 * need not attach. Who is a member and why is left out.
 */
export class OneWorkerDirector {
  /** To the worker. What is picked is ready with it. */
  readonly link: Connection;
  readonly #server: RpcServer;
  readonly #dispatcher: Dispatcher<PooledEndpoint>;

  constructor(workerAddress: string, options: OneWorkerDirectorOptions) {
    const { tls, messageMaxBytes, services, queueTimeoutMs } = options;
    const parts = { clock: systemClock, random: seededRandom(3), messageMaxBytes, keepaliveMs: 0 };
    const dialing = tls && dialingTls(tls);
    const link = new Subchannel(workerAddress, {
      ...parts,
      scheme: dialing === undefined ? "http" : "https",
      dial: dialer({ context: dialing?.context, reads: "lent" }),
      reconnectMaxMs: 50,
    });
    this.link = link;
    const record = aliveWorker(workerAddress, services);
    const traits = { ...record, standby: false, reportedLoad: NO_LOAD };
    const endpoint = new PooledEndpoint(record, link, traits, { clock: systemClock, slowStartMs: 0 });
    const balancer = new Balancer<PooledEndpoint>({ random: parts.random });
    link.onReadiness((ready) => balancer.publish(ready ? [endpoint] : []));
    const unready = {
      refuse: ({ method }: DispatchRequest) => {
        const service = serviceOf(method);
        if (services.includes(service)) return undefined;
        return new FabricError("UNKNOWN_SERVICE", `no worker serves ${service}`);
      },
      explain: () => new FabricError("NO_READY_WORKER", "the worker is not ready"),
    };
    this.#dispatcher = new Dispatcher({ ...parts, balancer, queueTimeoutMs, unready });
    const router = new CallRouter({
      clock: parts.clock,
      random: parts.random,
      directorId: "director-1",
      dispatcher: this.#dispatcher,
      contracts: { traits: () => ({ requestStream: true, responseStream: true, idempotent: false, resumable: false }) },
      retryBufferBytes: 65_536,
      retryMemoryBytes: 64 << 20,
      resumeLimits: { attemptsMax: 3, windowMs: 30_000 },
      newCutter: () => new FramedMessages(),
    });
    this.#server = new RpcServer({ ...parts, tls: tls && servingTls(tls) });
    this.#server.handleUnknown((call) => router.route(call));
  }

  /** Calls that it has in hand. */
  get inHand(): number {
    const { inFlight, queued } = this.#dispatcher.counts;
    return inFlight + queued;
  }

  listen(): Promise<string> {
    return this.#server.listen("127.0.0.1:0", "TEST_ADDR");
  }

  close(): void {
    this.#server.close();
    this.link.close();
  }
}

/** The record of a worker that serves these. */
export function aliveWorker(address: string, services: readonly string[], memberId = "worker-1"): MemberRecord {
  return {
    memberId,
    label: memberId,
    address,
    incarnation: 1,
    services,
    descriptorSetHash: "",
    slots: 0,
    tags: {},
    resources: NO_RESOURCES,
    role: "worker",
    version: "test",
    dataKeepalive: true,
    liveness: { kind: "attached" },
    state: "alive",
    stateReason: "",
    stateSinceUnixMs: 0,
    joinedAtUnixMs: 0,
    homeDirectorId: "director-1",
  };
}
