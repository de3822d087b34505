import type { AgentRecord } from "../../core/agent";
import type { ClusterView } from "../cluster-view";

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Which agents each member has, as the record says: those placed on it that have not failed there, and
 * those that are leaving it and still run there.
 */
export class AgentIndex {
  readonly #view: ClusterView;
  readonly #byMember = new Map<string, Set<string>>();
  readonly #memberListeners = new Map<string, Set<() => void>>();
  readonly #listeners: ((memberIds: ReadonlySet<string>) => void)[] = [];

  constructor(view: ClusterView) {
    this.#view = view;
    view.onChange((changes) => {
      const touched = new Set<string>();
      for (const { fact, before } of changes) {
        if (fact.kind !== "agent") continue;
        for (const memberId of holdersOf(before as AgentRecord | undefined)) this.#remove(memberId, fact.id, touched);
        for (const memberId of holdersOf(fact.value)) this.#add(memberId, fact.id, touched);
      }
      if (touched.size > 0) for (const listener of this.#listeners) listener(touched);
      for (const memberId of touched) for (const listener of this.#memberListeners.get(memberId) ?? []) listener();
    });
  }

  /** Told of the members whose agents have changed, after each change of the record. */
  onChange(listener: (memberIds: ReadonlySet<string>) => void): void {
    this.#listeners.push(listener);
  }

  /** Told of one member's. Returns how to stop. */
  onMember(memberId: string, listener: () => void): () => void {
    const listeners = this.#memberListeners.get(memberId) ?? new Set();
    this.#memberListeners.set(memberId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#memberListeners.get(memberId) === listeners)
        this.#memberListeners.delete(memberId);
    };
  }

  /** Names. */
  of(memberId: string): ReadonlySet<string> {
    return this.#byMember.get(memberId) ?? NOBODY;
  }

  /** Which placement of the agent is to run at the member; `undefined` when none is. */
  generationAt(memberId: string, name: string): number | undefined {
    const record = this.#view.agents.get(name);
    if (!record || record.state === "released") return undefined;
    if (record.memberId === memberId) return record.state === "failed" ? undefined : record.generation;
    return record.previous?.memberId === memberId ? record.previous.generation : undefined;
  }

  #add(memberId: string, name: string, touched: Set<string>): void {
    const names = this.#byMember.get(memberId);
    if (names) names.add(name);
    else this.#byMember.set(memberId, new Set([name]));
    touched.add(memberId);
  }

  #remove(memberId: string, name: string, touched: Set<string>): void {
    const names = this.#byMember.get(memberId);
    if (!names?.delete(name)) return;
    if (names.size === 0) this.#byMember.delete(memberId);
    touched.add(memberId);
  }
}

function holdersOf(record: AgentRecord | undefined): readonly string[] {
  if (!record || record.state === "released") return [];
  const { memberId, previous, state } = record;
  // One that failed does not run there, and may be tried again where there is one place only.
  const holders = memberId === "" || state === "failed" ? [] : [memberId];
  return previous ? [...holders, previous.memberId] : holders;
}
