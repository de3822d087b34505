import { asFabricError } from "../core/errors";
import type { Random } from "../core/random";
import type { Endpoint } from "./endpoint";
import { PickerCache, type PickerCacheOptions, type PickerCacheSection } from "./picker-cache";
import type { BalancingPolicy, Picker, PickRequest, PickResult } from "./picker";
import { createPolicyRegistry, type PolicyRegistry } from "./policy-registry";
import { DEFAULT_POLICY } from "./policy-table";
import { parseSelector } from "./selector";
import { endpointsByService, serviceOf } from "./service-index";

/** What a call may ask of the balancer. The strings come from callers: wrong ones fail the call, and no number of them grows memory. */
export interface BalancerRequest extends PickRequest {
  /** Selector on the workers' tags; see `parseSelector`. "" and undefined take all. */
  readonly match?: string | undefined;
  /** A policy for this call instead of the balancer's. */
  readonly policy?: string | undefined;
  /** Only this worker will do. */
  readonly memberId?: string | undefined;
}

export interface BalancerOptions extends PickerCacheOptions {
  readonly random: Random;
  /** Default `least-connections`. */
  readonly policy?: string;
  /** Default: the built-in policies. */
  readonly registry?: PolicyRegistry;
}

interface ServicePickers<E extends Endpoint> {
  readonly endpoints: readonly E[];
  /** Of the balancer's policy, by selector. */
  readonly pickers: PickerCacheSection<E>;
  /** Of policies that requests name, by "policy\nselector". */
  readonly namedPickers: PickerCacheSection<E>;
}

interface Snapshot<E extends Endpoint> {
  readonly endpoints: readonly E[];
  readonly services: ReadonlyMap<string, ServicePickers<E>>;
  /** Spares cutting the service out of the method at each pick. Holds methods of known services only, and few. */
  readonly byMethod: Map<string, ServicePickers<E>>;
  /** Made at the first call that asks for a member. */
  byMember: ReadonlyMap<string, E> | undefined;
}

/** Callers can name any method of a service that exists; beyond this many the map starts anew. */
const METHODS_MAX = 1_024;

const WAIT = { kind: "wait" } as const;

/**
 * Whom to call: the ready endpoints of now and the policy of now. The control plane publishes; a pick reads one reference,
 * synchronously. Pickers for each service, policy and selector are made when first needed and kept until the next publish.
 */
export class Balancer<E extends Endpoint> {
  readonly #random: Random;
  readonly #registry: PolicyRegistry;
  readonly #cache: PickerCache<E>;
  readonly #listeners = new Set<() => void>();
  #policyName: string;
  #snapshot: Snapshot<E>;

  /** @throws FabricError INVALID_ARGUMENT for an unknown policy */
  constructor(options: BalancerOptions) {
    this.#random = options.random;
    this.#registry = options.registry ?? createPolicyRegistry();
    this.#cache = new PickerCache(options);
    this.#policyName = this.#registry.resolve(options.policy ?? DEFAULT_POLICY).name;
    this.#snapshot = this.#snapshotOf([]);
  }

  /** The endpoints that are ready now, as they were published. */
  get endpoints(): readonly E[] {
    return this.#snapshot.endpoints;
  }

  get policyName(): string {
    return this.#policyName;
  }

  /** Names that `setPolicy` and requests accept. */
  get policyNames(): readonly string[] {
    return this.#registry.names;
  }

  /** Pickers kept now, for the statistics and for tests of the bound. */
  get cachedPickers(): number {
    return this.#cache.pickers;
  }

  /**
   * Replaces the ready endpoints. Takes time in proportion to their number (about 25 ms at 100,000, with the first pick), so a burst of changes
   * should be coalesced into one publish.
   */
  publish(endpoints: readonly E[]): void {
    this.#snapshot = this.#snapshotOf(endpoints);
    this.#cache.clear();
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Changes the policy of calls that do not name one.
   * @throws FabricError INVALID_ARGUMENT, listing the names; nothing is changed then
   */
  setPolicy(name: string): void {
    this.#policyName = this.#registry.resolve(name).name;
    this.#snapshot = this.#snapshotOf(this.#snapshot.endpoints);
    this.#cache.clear();
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` after each publish and change of policy. Returns what ends that. */
  onPublish(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Chooses an endpoint that serves the method. `fail` only for requests that are wrong in themselves. */
  pick(request: BalancerRequest): PickResult<E> {
    const snapshot = this.#snapshot;
    const service = snapshot.byMethod.get(request.method) ?? this.#serviceFor(snapshot, request.method);
    if (service === undefined) return WAIT;
    if (request.memberId) return this.#pickMember(snapshot, request.memberId, request.method);
    let picker: Picker<E>;
    try {
      picker = request.policy
        ? this.#namedPicker(service, request.policy, request.match ?? "")
        : (service.pickers.get(request.match ?? "") ?? this.#defaultPicker(service, request.match ?? ""));
    } catch (error) {
      return { kind: "fail", error: asFabricError(error, "INVALID_ARGUMENT") };
    }
    return picker.pick(request);
  }

  #serviceFor(snapshot: Snapshot<E>, method: string): ServicePickers<E> | undefined {
    const service = snapshot.services.get(serviceOf(method));
    if (service === undefined) return undefined;
    if (snapshot.byMethod.size >= METHODS_MAX) snapshot.byMethod.clear();
    snapshot.byMethod.set(method, service);
    return service;
  }

  /** A pinned call waits while its worker is away or full: whoever named it wants that one. */
  #pickMember(snapshot: Snapshot<E>, memberId: string, method: string): PickResult<E> {
    snapshot.byMember ??= new Map(snapshot.endpoints.map((endpoint) => [endpoint.memberId, endpoint]));
    const endpoint = snapshot.byMember.get(memberId);
    if (endpoint === undefined || endpoint.isFull || !endpoint.services.has(serviceOf(method))) return WAIT;
    return { kind: "picked", endpoint };
  }

  #defaultPicker(service: ServicePickers<E>, match: string): Picker<E> {
    return this.#makePicker(service, service.pickers, this.#registry.resolve(this.#policyName).policy, match, match);
  }

  #namedPicker(service: ServicePickers<E>, policyName: string, match: string): Picker<E> {
    const resolved = this.#registry.resolve(policyName);
    // By its proper name, so that all spellings of a policy share one picker. Such a name has no newline in it.
    const key = `${resolved.name}\n${match}`;
    return (
      service.namedPickers.get(key) ?? this.#makePicker(service, service.namedPickers, resolved.policy, match, key)
    );
  }

  #makePicker(
    service: ServicePickers<E>,
    section: PickerCacheSection<E>,
    policy: BalancingPolicy,
    match: string,
    key: string,
  ): Picker<E> {
    const selector = parseSelector(match);
    const endpoints =
      match === "" ? service.endpoints : service.endpoints.filter((endpoint) => selector.matches(endpoint.tags));
    const picker = policy<E>(endpoints, this.#random);
    section.add(key, picker, endpoints.length);
    return picker;
  }

  #snapshotOf(endpoints: readonly E[]): Snapshot<E> {
    const bySet = new Map<readonly E[], ServicePickers<E>>();
    const services = new Map<string, ServicePickers<E>>();
    for (const [name, list] of endpointsByService(endpoints)) {
      let pickers = bySet.get(list);
      if (pickers === undefined) {
        pickers = { endpoints: list, pickers: this.#cache.section(), namedPickers: this.#cache.section() };
        bySet.set(list, pickers);
      }
      services.set(name, pickers);
    }
    return { endpoints, services, byMethod: new Map(), byMember: undefined };
  }
}
