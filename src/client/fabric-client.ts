import { Balancer } from "../balancing/balancer";
import { Dispatcher } from "../balancing/dispatcher";
import { forwardCall, type ForwardPlan } from "../balancing/forward-call";
import { hedged } from "../balancing/hedge-request";
import { LatencyQuantiles } from "../balancing/latency-quantile";
import type { BalancingPolicy } from "../balancing/picker";
import type { PolicyRegistry } from "../balancing/policy-registry";
import { resumedCall } from "../balancing/resumed-call";
import { RetryBudget, type RetryBudgetOptions } from "../balancing/retry-budget";
import { RetryMemory } from "../balancing/retry-memory";
import { createPolicyRegistry } from "../balancing/policy-registry";
import { serviceOf } from "../balancing/service-index";
import type { MemberEvent } from "../core/attach-messages";
import type { CallListener, CallStart, Connection, IncomingCall, MethodTraits, OutgoingCall } from "../core/call";
import { keyFault } from "../core/call-asks";
import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";
import { HEDDLE_KEYS, routingOf, withoutRouting } from "../core/heddle-metadata";
import type { Logger } from "../core/logger";
import { NO_LOAD } from "../core/member";
import { WholeMessages } from "../core/message-cutter";
import type { Random } from "../core/random";
import { refuseCall } from "../core/refuse-call";
import { DirectorServiceDefinition } from "../wire/contract";
import type { ServiceDefinition } from "../rpc/service/service-definition";
import type { ClientInterceptor } from "../rpc/service/client-interceptors";
import { typedClient, type CallStarter, type TypedClient, type TypedClientOptions } from "../rpc/service/typed-client";
import { EndpointPool, type ClientEndpoint, type EndpointDescription } from "./endpoint-pool";
import { watchDirectors } from "./director-watch";
import { watchEndpoints, type EndpointList } from "./endpoint-watch";
import { localCall } from "./local-call";
import { watchEvents } from "./event-watch";
import { generate, type GenerateOptions, type GeneratedToken } from "./generate";

/**
 * - `direct`: picks a worker here and connects to it; goes on while every director is down.
 * - `proxy`: all calls through a director; for clients that cannot reach the workers.
 * - `auto`: direct where a worker of the service is connected, else proxy.
 */
export type ClientMode = "direct" | "proxy" | "auto";

export interface FabricClientConfig extends RetryBudgetOptions {
  readonly directors: readonly string[];
  readonly mode: ClientMode;
  /** Policy of direct mode; "" takes the cluster's. */
  readonly balancer: string;
  readonly attemptsMax: number;
  /** How long a resumable stream may be without a worker. */
  readonly resumeWindowMs: number;
  /** Deadline of unary calls that are given none; 0 for none. */
  readonly callTimeoutMs: number;
  readonly reconnectMaxMs: number;
  readonly retryBufferBytes: number;
}

export interface FabricClientParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: FabricClientConfig;
  readonly registry: PolicyRegistry;
  connect(address: string, options: { readonly keepalive: boolean }): Connection;
  newId(): string;
  /** Around the calls of every typed client, outside those of its own. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
}

type Calling = Dispatcher<ClientEndpoint>;
type MethodCall = CallStart & { readonly traits: MethodTraits };

/** Stays with the first director that answers, so that one connection carries all; the others are for when it fails. */
const firstThatAnswers: BalancingPolicy = (endpoints) => ({
  pick: ({ excluded }) => {
    const endpoint = endpoints.find(({ memberId }) => !excluded?.has(memberId)) ?? endpoints[0];
    return endpoint ? { kind: "picked", endpoint } : { kind: "wait" };
  },
});

/** The service under which directors stand in their own balancer: they take every call. */
const ANY_SERVICE = "*";

/** Calls the services of the fabric, wherever their workers are. */
export class FabricClient {
  readonly #parts: FabricClientParts;
  readonly #interceptors: readonly ClientInterceptor[];
  /** One for all calls, whichever way they go. */
  readonly #retryBudget: RetryBudget;
  readonly #latencies = new LatencyQuantiles();
  /** Without bound: these calls are the program's own. */
  readonly #retryMemory = new RetryMemory(Infinity);
  readonly #stop = new AbortController();
  readonly #workers: EndpointPool;
  readonly #workerBalancer: Balancer<ClientEndpoint>;
  readonly #direct: Calling;
  readonly #directors: EndpointPool;
  readonly #proxy: Calling;
  readonly #watching: Promise<void>;
  #known: readonly string[];
  #listed = false;

  constructor(parts: FabricClientParts) {
    this.#parts = parts;
    this.#interceptors = parts.interceptors ?? [];
    const { random, config, registry } = parts;
    this.#known = config.directors;
    this.#retryBudget = new RetryBudget(parts.clock, config);
    this.#workerBalancer = new Balancer({ random, registry, ...(config.balancer ? { policy: config.balancer } : {}) });
    this.#workers = this.#pool(this.#workerBalancer);
    this.#direct = this.#dispatcher(this.#workerBalancer, (method) => this.#explainWorkers(method));
    const directorBalancer = new Balancer<ClientEndpoint>({
      random,
      registry: createPolicyRegistry({ extra: { "first-that-answers": firstThatAnswers } }),
      policy: "first-that-answers",
    });
    this.#directors = this.#pool(directorBalancer);
    this.#directors.apply(config.directors.map(directorEndpoint));
    this.#proxy = this.#dispatcher(directorBalancer, () => this.#explainDirectors());
    this.#watching = config.mode === "proxy" ? this.#watchDirectors() : this.#watch();
  }

  /** The director's own service, through whichever director answers. */
  get director(): TypedClient<DirectorServiceDefinition> {
    return this.#directorClient(this.#interceptors);
  }

  /** A client of another service that directors serve themselves, such as reflection: through whichever answers, in every mode. */
  atDirector<S extends ServiceDefinition>(definition: S): TypedClient<S> {
    return this.#throughDirector(definition, this.#interceptors);
  }

  #directorClient(interceptors: readonly ClientInterceptor[]): TypedClient<DirectorServiceDefinition> {
    return this.#throughDirector(DirectorServiceDefinition, interceptors);
  }

  #throughDirector<S extends ServiceDefinition>(
    definition: S,
    interceptors: readonly ClientInterceptor[],
  ): TypedClient<S> {
    return typedClient(
      definition,
      this.#starter((call, listener) => {
        const { outgoing, incoming } = localCall(call, listener);
        this.#through(this.#proxy, ANY_SERVICE, incoming, call);
        return outgoing;
      }),
      { interceptors },
    );
  }

  /** A typed client of a service, by its generated definition. Cheap; calls share this client's connections. Its interceptors are inside this client's. */
  client<S extends ServiceDefinition>(definition: S, options: TypedClientOptions = {}): TypedClient<S> {
    return typedClient(
      definition,
      this.#starter((call, listener) => this.#start(call, listener)),
      { interceptors: [...this.#interceptors, ...(options.interceptors ?? [])] },
    );
  }

  /**
   * The tokens of an answer, without gap or repeat, whichever workers die meanwhile: a stream that breaks is opened again on another worker,
   * with the same connection id and the last sequence received.
   */
  generate(options: GenerateOptions): AsyncIterable<GeneratedToken> {
    const { clock, random, newId } = this.#parts;
    return generate((definition) => this.client(definition), { clock, random, newId }, options);
  }

  /**
   * Who joins, leaves, fails, recovers; changes of intent, policy and leader. Goes on over breaks and directors' deaths. From the members as they
   * are now, or after a revision seen earlier; ends with `signal` or when the client is closed.
   */
  events(options: { readonly afterRevision?: number; readonly signal?: AbortSignal } = {}): AsyncIterable<MemberEvent> {
    const { clock, random, config } = this.#parts;
    const signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
    const { reconnectMaxMs } = config;
    return watchEvents({ clock, random, reconnectMaxMs, director: this.director }, options.afterRevision ?? 0, signal);
  }

  /** Addresses of the workers that direct mode can pick now. */
  get workers(): readonly string[] {
    return this.#workers.ready.map((endpoint) => endpoint.address);
  }

  /** Addresses of the directors that the client is connected to now; those that it was given first. */
  get directors(): readonly string[] {
    return this.#directors.ready.map((endpoint) => endpoint.address);
  }

  /** Resolves when direct mode can pick a worker that serves this, or, in proxy mode, a director answers. */
  async whenReady(service?: string): Promise<void> {
    const pool = this.#parts.config.mode === "proxy" ? this.#directors : this.#workers;
    const isThere = (endpoint: ClientEndpoint) =>
      service === undefined || pool === this.#directors || endpoint.services.has(service);
    while (!this.#stop.signal.aborted && !pool.ready.some(isThere)) await pool.whenChanged();
  }

  /** Ends the calls in flight and closes every connection. Twice is once. */
  async close(): Promise<void> {
    this.#stop.abort();
    const closed = new FabricError("CANCELLED", "the client was closed");
    this.#direct.close(closed);
    this.#proxy.close(closed);
    this.#workers.close();
    this.#directors.close();
    await this.#watching;
  }

  #starter(start: CallStarter["start"]): CallStarter {
    const { callTimeoutMs } = this.#parts.config;
    return {
      start: (call, listener) => {
        const isUnary = !call.traits.requestStream && !call.traits.responseStream;
        const needsDeadline = isUnary && call.timeoutMs === undefined && callTimeoutMs > 0;
        if (!needsDeadline) return start(call, listener);
        return start({ ...call, timeoutMs: callTimeoutMs }, listener);
      },
    };
  }

  #start(call: MethodCall, listener: CallListener): OutgoingCall {
    const { outgoing, incoming } = localCall(call, listener);
    if (call.traits.resumable) this.#resume(incoming, call);
    else this.#choose(incoming, call);
    return outgoing;
  }

  /** In legs, each of which chooses its way anew. */
  #resume(incoming: IncomingCall, call: MethodCall): void {
    const { clock, random, config } = this.#parts;
    // Whoever resumes it counts the attempts that may have run.
    const traits = { ...call.traits, idempotent: false };
    resumedCall(incoming, {
      clock,
      random,
      limits: { attemptsMax: config.attemptsMax, windowMs: config.resumeWindowMs },
      retryBufferBytes: config.retryBufferBytes,
      retryMemory: this.#retryMemory,
      newCutter: () => new WholeMessages(),
      metadata: call.metadata,
      forward: (leg, metadata, lost) => this.#choose(leg, { ...call, metadata, traits }, lost),
    });
  }

  #choose(incoming: IncomingCall, call: MethodCall, excluded?: ReadonlySet<string>): void {
    const method = call.path.slice(1);
    const service = serviceOf(method);
    const { mode } = this.#parts.config;
    const direct =
      mode === "direct" || (mode === "auto" && this.#workers.ready.some(({ services }) => services.has(service)));
    if (direct) this.#through(this.#direct, method, incoming, call, excluded);
    else this.#through(this.#proxy, ANY_SERVICE, incoming, call);
  }

  #through(
    dispatcher: Calling,
    method: string,
    incoming: IncomingCall,
    call: MethodCall,
    excluded?: ReadonlySet<string>,
  ): void {
    const isDirect = dispatcher === this.#direct;
    const { metadata, traits, waitForReady } = call;
    const own = { method, path: call.path, idempotent: traits.idempotent, waitForReady, excluded };
    const isRouted = isDirect && metadata.size > 0;
    const idempotencyKey = metadata.size > 0 ? metadata.text(HEDDLE_KEYS.idempotencyKey) : undefined;
    const fault = idempotencyKey === undefined ? undefined : unfitForKey(idempotencyKey, call);
    if (fault !== undefined) {
      // Never from within `start`.
      queueMicrotask(() => refuseCall(incoming, fault));
      return;
    }
    const plan = {
      dispatcher,
      wantsAcceptance: true,
      retryBufferBytes: this.#parts.config.retryBufferBytes,
      retryMemory: this.#retryMemory,
      metadata: isRouted ? withoutRouting(metadata) : metadata,
      request: isRouted
        ? { ...own, ...routingOf(metadata) }
        : idempotencyKey === undefined
          ? own
          : { ...own, idempotencyKey },
    };
    if (isRouted && metadata.text(HEDDLE_KEYS.hedge) !== undefined) this.#hedge(incoming, traits, plan);
    else forwardCall(incoming, plan);
  }

  /** What goes through a director is hedged there. */
  #hedge(incoming: IncomingCall, traits: MethodTraits, plan: ForwardPlan<ClientEndpoint>): void {
    const { clock, config } = this.#parts;
    const { attemptsMax, retryBufferBytes } = config;
    const [budget, retryMemory, latencies] = [this.#retryBudget, this.#retryMemory, this.#latencies];
    const parts = { clock, budget, latencies, attemptsMax, retryBufferBytes, retryMemory };
    hedged(incoming, traits, plan, parts);
  }

  #pool(balancer: Balancer<ClientEndpoint>): EndpointPool {
    return new EndpointPool({
      clock: this.#parts.clock,
      balancer,
      connect: ({ address, dataKeepalive }) => this.#parts.connect(address, { keepalive: dataKeepalive }),
    });
  }

  #dispatcher(balancer: Balancer<ClientEndpoint>, explain: (method: string) => FabricError): Calling {
    const { clock, random, config } = this.#parts;
    return new Dispatcher({
      balancer,
      clock,
      random,
      attemptsMax: config.attemptsMax,
      retryBudget: this.#retryBudget,
      unready: { explain: ({ method }) => explain(method) },
    });
  }

  #watch(): Promise<void> {
    const { clock, random, logger, config } = this.#parts;
    return watchEndpoints(
      {
        clock,
        random,
        logger,
        reconnectMaxMs: config.reconnectMaxMs,
        directors: () => this.#known,
        connect: (address) => this.#parts.connect(address, { keepalive: true }),
        changed: (list) => this.#apply(list),
      },
      this.#stop.signal,
    );
  }

  /** Over the connections that calls take anyway. */
  #watchDirectors(): Promise<void> {
    const { clock, random, config } = this.#parts;
    const changed = (directors: readonly string[]) => this.#learn(directors);
    const parts = { clock, random, reconnectMaxMs: config.reconnectMaxMs, director: this.#directorClient([]), changed };
    return watchDirectors(parts, this.#stop.signal);
  }

  /** Those that were given come first, whoever else there is. */
  #learn(directors: readonly string[]): void {
    const given = this.#parts.config.directors;
    this.#known = [...given, ...directors.filter((address) => !given.includes(address))];
    this.#directors.apply(this.#known.map(directorEndpoint));
  }

  #apply({ endpoints, policy, directors }: EndpointList): void {
    const { config, logger } = this.#parts;
    this.#listed = true;
    this.#learn(directors);
    if (config.balancer === "" && policy !== this.#workerBalancer.policyName) {
      try {
        this.#workerBalancer.setPolicy(policy);
      } catch {
        logger.debug("the cluster's policy is not known to this client", { policy });
      }
    }
    this.#workers.apply(endpoints);
  }

  #explainWorkers(method: string): FabricError {
    if (!this.#listed) return this.#explainDirectors();
    const named = [...this.#workers.endpoints]
      .slice(0, 8)
      .map(({ memberId, notReadyReason }) => `${memberId} (${notReadyReason || "ready"})`);
    return new FabricError(
      "NO_READY_WORKER",
      `No workers available for ${method}: the directors list ${this.#workers.size}: ${named.join(", ")}`,
    );
  }

  #explainDirectors(): FabricError {
    const named = [...this.#directors.endpoints].map(
      ({ address, notReadyReason }) => `${address} (${notReadyReason || "ready"})`,
    );
    return new FabricError("DIRECTOR_UNREACHABLE", `no director answers: ${named.join(", ")}`);
  }
}

function unfitForKey(key: string, { path, traits }: { path: string; traits: MethodTraits }): FabricError | undefined {
  if (!traits.requestStream && !traits.responseStream) return keyFault(key);
  const what = `${path} is a stream, and ${HEDDLE_KEYS.idempotencyKey} needs a method with one request and one answer`;
  return new FabricError("INVALID_ARGUMENT", `${what}: make the call without it`);
}

function directorEndpoint(address: string): EndpointDescription {
  return {
    memberId: address,
    address,
    incarnation: 0,
    services: [ANY_SERVICE],
    tags: {},
    slots: 0,
    standby: false,
    reportedLoad: NO_LOAD,
    dataKeepalive: true,
  };
}
