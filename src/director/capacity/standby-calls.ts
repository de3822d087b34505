import type { PooledEndpoint } from "../worker-pool";

type Standby = Pick<PooledEndpoint, "services" | "begun">;

/** Standbys of the same services. */
interface Group {
  readonly standbys: Standby[];
  calls: number;
  /** The question that it has been counted for. */
  question: number;
}

/**
 * The calls that standbys have, by what other workers could take of them. Asked for each worker of the cluster in a row, so it costs a look-up for each of
 * the worker's services, and no more for a hundred standbys of the same services than for one.
 */
export class StandbyCalls {
  readonly #groups: readonly Group[];
  readonly #byService = new Map<string, Group[]>();
  #total = 0;
  #question = 0;

  constructor(standbys: readonly Standby[]) {
    const groups = new Map<string, Group>();
    for (const standby of standbys) {
      const services = [...standby.services].sort();
      const key = services.join("\n");
      let group = groups.get(key);
      if (!group) {
        group = { standbys: [], calls: 0, question: 0 };
        groups.set(key, group);
        for (const service of services) this.#at(service).push(group);
      }
      group.standbys.push(standby);
    }
    this.#groups = [...groups.values()];
  }

  /** Counts what the standbys have now; `of` answers by the latest count. */
  count(): void {
    this.#total = 0;
    for (const group of this.#groups) {
      group.calls = 0;
      for (const { begun } of group.standbys) group.calls += begun;
      this.#total += group.calls;
    }
  }

  /** Calls of all standbys that have one of the services. When it is `max` or more, not all may be counted. */
  of(services: ReadonlySet<string>, max: number): number {
    if (this.#total === 0) return 0;
    this.#question += 1;
    let calls = 0;
    for (const service of services) {
      for (const group of this.#byService.get(service) ?? []) {
        if (group.question === this.#question) continue;
        group.question = this.#question;
        calls += group.calls;
        if (calls >= max) return calls;
      }
    }
    return calls;
  }

  #at(service: string): Group[] {
    let groups = this.#byService.get(service);
    if (!groups) this.#byService.set(service, (groups = []));
    return groups;
  }
}
