/** What operators have set, and who is there: what a request that is refused must leave as it is. */
export interface State {
  readonly text: string;
  /** Intents of members with a stream of their own, which may be on their way back after an earlier request that was right to remove them. */
  readonly intents: ReadonlyMap<string, string>;
  /** Names that mean something now. */
  readonly ids: readonly string[];
}

interface Member {
  readonly memberId: string;
  readonly label?: string;
  readonly reported?: boolean;
  readonly [field: string]: unknown;
}

/** Whether what is set differs. */
export function differ(before: State, after: State): boolean {
  return (
    before.text !== after.text ||
    [...after.intents].some(([memberId, intent]) => (before.intents.get(memberId) ?? intent) !== intent)
  );
}

/** Fields of a member that nobody sets. */
const MEASURED =
  /^(load|phi|lastHeartbeatUnixMs|directorInFlight|inFlight|ready|notReadyReason|stateReason|stateSinceUnixMs|state|roundTrip.*|slotsUsed|homeDirectorId|resources|latency.*|errors.*|agents)$/;

/** Reads and clears the record of a cluster by JSON RPC. */
export class ClusterState {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async read(): Promise<State> {
    const [{ members = [] }, balancing, { agents = [] }] = (await Promise.all([
      this.#ask("DirectorService/ListMembers"),
      this.#ask("DirectorService/GetBalancing"),
      this.#ask("AgentService/ListAgents"),
    ])) as [{ members?: Member[] }, object, { agents?: { name: string }[] }];
    const set = members
      .filter(({ reported }) => reported)
      .map((member) => Object.fromEntries(Object.entries(member).filter(([name]) => !MEASURED.test(name))))
      .map((member) => JSON.stringify(member))
      .sort();
    const names = agents.map(({ name }) => name).sort();
    return {
      text: [...set, JSON.stringify(balancing), names.join()].join("\n"),
      intents: new Map(
        members.filter(({ reported }) => !reported).map(({ memberId, intent }) => [memberId, JSON.stringify(intent)]),
      ),
      ids: [...members.filter(({ reported }) => reported).map(({ memberId }) => memberId), ...names].slice(0, 20),
    };
  }

  /** Removes the members that requests registered, the agents, what was set, and any intent. */
  async tidy(): Promise<void> {
    const { members = [] } = (await this.#ask("DirectorService/ListMembers")) as { members?: Member[] };
    for (const { memberId, reported } of members) {
      await this.#ask(
        reported ? "DirectorService/RemoveMember" : "DirectorService/SetIntent",
        reported ? { memberId } : { memberId, kind: "INTENT_KIND_SERVING" },
      );
    }
    await this.#ask("DirectorService/SetDirectorIntent", { kind: "INTENT_KIND_SERVING" });
    const { agents = [] } = (await this.#ask("AgentService/ListAgents")) as { agents?: { name: string }[] };
    for (const { name } of agents) await this.#ask("AgentService/ReleaseAgent", { name });
  }

  async #ask(method: string, body: object = {}): Promise<unknown> {
    const answer = await fetch(`${this.#url}/heddle.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.json();
  }
}
