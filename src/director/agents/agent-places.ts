import type { Accounting, Endpoint } from "../../balancing/endpoint";
import type { Picker } from "../../balancing/picker";
import type { PolicyRegistry } from "../../balancing/policy-registry";
import { TrackedEndpoint } from "../../balancing/tracked-endpoint";
import type { AgentNeeds } from "../../core/agent";
import type { Clock } from "../../core/clock";
import { messageOf } from "../../core/errors";
import type { Logger } from "../../core/logger";
import { agentsMaxOf, NO_LOAD, type Load, type MemberRecord } from "../../core/member";
import type { Random } from "../../core/random";
import type { ClusterView } from "../cluster-view";
import type { AgentIndex } from "./agent-index";
import { closedReason, unfitReason } from "./agent-needs";

export interface AgentPlacesParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly registry: PolicyRegistry;
  readonly view: ClusterView;
  readonly index: AgentIndex;
  /** The cluster's policy now, by its name. */
  policy(): string;
  /** As of the member's latest beat; `undefined` when another director is its home. */
  load(memberId: string): Load | undefined;
}

/** A choice that is not in the record yet: it counts until it is let go. */
export interface Reservation {
  readonly record: MemberRecord;
  release(): void;
}

/** A member as the policy sees it. */
interface Place {
  readonly endpoint: TrackedEndpoint;
  /** One for each of its agents. */
  readonly held: Accounting[];
}

interface KeptPicker {
  readonly picker: Picker<TrackedEndpoint>;
  readonly version: number;
}

/** Pickers of as many kinds of needs are kept; then all are made anew. */
const PICKERS_MAX = 32;
/** Members that are named when nobody can take an agent. */
const NAMED_MAX = 3;
/** How often the loads that members report are looked at: they come about as often. */
const LOADS_EVERY_MS = 1_000;

/**
 * Picks members for agents by the cluster's policy, the same that picks them for calls: here the slots are those for agents, and what is in
 * flight are the agents that a member has.
 */
export class AgentPlaces {
  readonly #parts: AgentPlacesParts;
  readonly #places = new Map<string, Place>();
  readonly #pickers = new Map<string, KeptPicker>();
  readonly #reserved = new Map<string, number>();
  /** Rises with every change of who there is, and how. */
  #version = 0;
  #policy = "";
  /** The policy whose fault was told last: it may come with each agent of each turn. */
  #blamed = "";
  #loadsAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AgentPlacesParts) {
    this.#parts = parts;
    parts.view.onChange((changes) => {
      if (changes.some(({ fact }) => fact.kind === "member" || fact.kind === "intent")) this.#version += 1;
    });
    parts.index.onChange((memberIds) => {
      for (const memberId of memberIds) this.#count(memberId);
    });
  }

  /** Agents that the member has, or is about to get. */
  agentsAt(memberId: string): number {
    return this.#parts.index.of(memberId).size + (this.#reserved.get(memberId) ?? 0);
  }

  /**
   * Who is to have it; `undefined` when nobody can, or the policy, which may be a user's, throws.
   * @param avoid a member that is taken only when there is no other
   */
  reserve(name: string, needs: AgentNeeds, avoid = ""): Reservation | undefined {
    if (needs.onlyMemberId !== "") return this.#reserveOnly(needs);
    this.#refreshLoads();
    const excluded = avoid === "" ? undefined : new Set([avoid]);
    try {
      const picker = this.#picker(needs);
      const picked = picker.pick({ method: "heddle.v1.AgentService/AssignAgent", affinityKey: name, excluded });
      return picked.kind === "picked" ? this.reserveAt(picked.endpoint.memberId) : undefined;
    } catch (error) {
      this.#blame(error);
      return undefined;
    }
  }

  #reserveOnly(needs: AgentNeeds): Reservation | undefined {
    const record = this.#parts.view.members.get(needs.onlyMemberId);
    return record && this.refusal(record, needs) === "" ? this.reserveAt(record.memberId) : undefined;
  }

  /** `undefined` when there is no such member. */
  reserveAt(memberId: string): Reservation | undefined {
    const record = this.#parts.view.members.get(memberId);
    if (!record) return undefined;
    this.#addReserved(memberId, 1);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#addReserved(memberId, -1);
      isHeld = false;
    };
    return { record, release };
  }

  /** Why the member cannot take one more, in words; "" when it can. */
  refusal(record: MemberRecord, needs: AgentNeeds): string {
    const reason = unfitReason(record, needs) || closedReason(record, this.#parts.view.intent(record.memberId));
    if (reason !== "") return reason;
    const max = agentsMaxOf(record);
    return max > 0 && this.agentsAt(record.memberId) >= max ? `it has all ${max} agents that it takes` : "";
  }

  /** Why nobody can take it, in words. */
  whyNobody(needs: AgentNeeds): string {
    const records = [...this.#parts.view.members.values()].filter(({ state }) => state !== "dead" && state !== "left");
    if (needs.onlyMemberId !== "") {
      const record = this.#parts.view.members.get(needs.onlyMemberId);
      return `${needs.onlyMemberId}: ${record ? this.refusal(record, needs) : "there is no such member"}`;
    }
    if (records.length === 0) return "there is no member";
    const named = records
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
      .slice(0, NAMED_MAX)
      .map((record) => `${record.memberId}: ${this.refusal(record, needs) || "not picked by the policy"}`);
    const more = records.length > NAMED_MAX ? `; and ${records.length - NAMED_MAX} more` : "";
    return `none of ${records.length} members can take it (${named.join("; ")}${more})`;
  }

  #picker(needs: AgentNeeds): Picker<TrackedEndpoint> {
    const { view, registry, random } = this.#parts;
    const policy = this.#parts.policy();
    if (policy !== this.#policy || this.#pickers.size >= PICKERS_MAX) this.#closePickers();
    this.#policy = policy;
    const key = JSON.stringify([needs.services, needs.match]);
    const kept = this.#pickers.get(key);
    if (kept?.version === this.#version) return kept.picker;
    this.#pickers.delete(key);
    if (kept) this.#close(kept);
    const endpoints: TrackedEndpoint[] = [];
    for (const record of view.members.values()) {
      if (unfitReason(record, needs) !== "" || closedReason(record, view.intent(record.memberId)) !== "") continue;
      endpoints.push(this.#endpoint(record));
    }
    const picker = registry.resolve(policy).policy(endpoints, random);
    this.#pickers.set(key, { picker, version: this.#version });
    this.#forgetGone();
    return picker;
  }

  #endpoint(record: MemberRecord): TrackedEndpoint {
    const { clock, view } = this.#parts;
    const { memberId, address, services, tags } = record;
    const traits = {
      address,
      services,
      tags,
      slots: agentsMaxOf(record),
      standby: view.intent(memberId).kind === "standby",
      reportedLoad: this.#load(memberId),
    };
    const known = this.#places.get(memberId);
    if (known) {
      known.endpoint.update(traits);
      return known.endpoint;
    }
    const endpoint = new TrackedEndpoint(memberId, traits, { clock, slowStartMs: 0 });
    this.#places.set(memberId, { endpoint, held: [] });
    this.#count(memberId);
    return endpoint;
  }

  /** What the member reports of calls says nothing of agents. */
  #load(memberId: string): Endpoint["reportedLoad"] {
    const load = this.#parts.load(memberId);
    return load ? { ...load, inFlight: this.agentsAt(memberId) } : NO_LOAD;
  }

  #refreshLoads(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#loadsAtMs < LOADS_EVERY_MS) return;
    this.#loadsAtMs = nowMs;
    for (const [memberId, { endpoint }] of this.#places) endpoint.update({ reportedLoad: this.#load(memberId) });
  }

  #count(memberId: string): void {
    const place = this.#places.get(memberId);
    if (!place) return;
    const { endpoint, held } = place;
    const count = this.agentsAt(memberId);
    while (held.length < count) held.push(endpoint.begin());
    while (held.length > count) held.pop()?.finish("cancelled");
  }

  #addReserved(memberId: string, change: number): void {
    const count = (this.#reserved.get(memberId) ?? 0) + change;
    if (count > 0) this.#reserved.set(memberId, count);
    else this.#reserved.delete(memberId);
    this.#count(memberId);
  }

  #closePickers(): void {
    for (const kept of this.#pickers.values()) this.#close(kept);
    this.#pickers.clear();
  }

  #close({ picker }: KeptPicker): void {
    try {
      picker.close?.();
    } catch (error) {
      this.#blame(error);
    }
  }

  #blame(error: unknown): void {
    if (this.#blamed === this.#policy) return;
    this.#blamed = this.#policy;
    this.#parts.logger.error("the balancing policy throws where an agent is to be placed", {
      policy: this.#policy,
      reason: messageOf(error),
    });
  }

  #forgetGone(): void {
    const { members } = this.#parts.view;
    for (const memberId of this.#places.keys()) if (!members.has(memberId)) this.#places.delete(memberId);
  }
}
