import type { Balancer } from "../balancing/balancer";
import { TrackedEndpoint, type EndpointTraits } from "../balancing/tracked-endpoint";
import type { Connection } from "../core/call";
import type { CancelTimer, Clock } from "../core/clock";

/** A worker, or a director, that a client may call. */
export interface EndpointDescription extends EndpointTraits {
  readonly memberId: string;
  readonly incarnation: number;
  readonly dataKeepalive: boolean;
}

export class ClientEndpoint extends TrackedEndpoint {
  readonly connection: Connection;
  incarnation: number;
  life: string | undefined = undefined;
  /** Why it cannot be called; "" while it can. */
  notReadyReason = "not connected yet";

  constructor(description: EndpointDescription, connection: Connection, clock: Clock) {
    super(description.memberId, description, { clock });
    this.connection = connection;
    this.incarnation = description.incarnation;
  }
}

export interface EndpointPoolParts {
  readonly clock: Clock;
  readonly balancer: Balancer<ClientEndpoint>;
  connect(description: EndpointDescription): Connection;
}

/** How often a departed endpoint is looked at, to close its connection when the last call on it has ended. */
const LINGER_MS = 1_000;

/** Keeps a connection for every endpoint of a list, and publishes those that answer. */
export class EndpointPool {
  readonly #parts: EndpointPoolParts;
  readonly #endpoints = new Map<string, ClientEndpoint>();
  /** Not in the list any more, and waited for. */
  readonly #leaving = new Map<ClientEndpoint, CancelTimer>();
  readonly #changed: (() => void)[] = [];
  #publishing = false;
  #closed = false;

  constructor(parts: EndpointPoolParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#endpoints.size;
  }

  get endpoints(): Iterable<ClientEndpoint> {
    return this.#endpoints.values();
  }

  get ready(): readonly ClientEndpoint[] {
    return this.#parts.balancer.endpoints;
  }

  /** Resolves after the next publish, or when the pool is closed. */
  whenChanged(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  /** Replaces the list. Calls in flight to endpoints that are not in it go on. */
  apply(list: readonly EndpointDescription[]): void {
    if (this.#closed) return;
    const present = new Set(list.map(({ memberId }) => memberId));
    for (const [memberId, endpoint] of this.#endpoints) if (!present.has(memberId)) this.#letGo(endpoint);
    for (const description of list) {
      const endpoint = this.#endpoints.get(description.memberId);
      if (endpoint?.address === description.address) {
        if (endpoint.incarnation !== description.incarnation) endpoint.rejoin();
        endpoint.incarnation = description.incarnation;
        endpoint.update(description);
      } else {
        if (endpoint) this.#letGo(endpoint);
        this.#add(description);
      }
    }
    this.#publishSoon();
  }

  close(): void {
    this.#closed = true;
    this.#parts.balancer.publish([]);
    for (const endpoint of [...this.#endpoints.values(), ...this.#leaving.keys()]) endpoint.connection.close();
    for (const cancelTimer of this.#leaving.values()) cancelTimer();
    this.#endpoints.clear();
    this.#leaving.clear();
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  #add(description: EndpointDescription): void {
    const { clock, connect } = this.#parts;
    const endpoint = new ClientEndpoint(description, connect(description), clock);
    this.#endpoints.set(description.memberId, endpoint);
    const follow = (ready: boolean, reason: string) => {
      endpoint.notReadyReason = ready ? "" : reason;
      this.#publishSoon();
    };
    endpoint.connection.onReadiness(follow);
    if (endpoint.connection.isReady()) follow(true, "");
  }

  #letGo(endpoint: ClientEndpoint): void {
    this.#endpoints.delete(endpoint.memberId);
    this.#closeWhenIdle(endpoint);
  }

  #closeWhenIdle(endpoint: ClientEndpoint): void {
    if (this.#closed) return;
    if (endpoint.inFlight > 0) {
      const cancelTimer = this.#parts.clock.after(LINGER_MS, () => this.#closeWhenIdle(endpoint));
      this.#leaving.set(endpoint, cancelTimer);
      return;
    }
    this.#leaving.delete(endpoint);
    endpoint.connection.close();
  }

  #publishSoon(): void {
    if (this.#publishing || this.#closed) return;
    this.#publishing = true;
    queueMicrotask(() => {
      this.#publishing = false;
      if (this.#closed) return;
      this.#parts.balancer.publish([...this.#endpoints.values()].filter((endpoint) => endpoint.notReadyReason === ""));
      for (const resolve of this.#changed.splice(0)) resolve();
    });
  }
}
