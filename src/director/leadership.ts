import { FabricError } from "../core/errors";
import { Election, type ElectionOptions, type Leader } from "../store/election";
import type { Condition } from "../store/store";

/** The director's part in the election of the leader. Routing never needs the leader: it only has the singleton duties. */
export class Leadership {
  readonly #options: ElectionOptions;
  readonly #election: Election;

  /** Takes part from now on. */
  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#election = Election.start(options);
  }

  /** Who leads, as last seen. Never this director once its term is over: that it no longer leads it knows, and who does it may not. */
  current(): Leader | undefined {
    const leader = this.#election.leader();
    const isOver = leader?.directorId === this.#options.candidate.directorId && !this.#election.isLeader();
    return isOver ? undefined : leader;
  }

  /** The condition for writes that only the leader may do; `undefined` while this director does not lead. */
  fence(): Condition | undefined {
    return this.#election.term()?.fence;
  }

  /**
   * Hands the lead to another director; "" lets any other have it.
   * @throws FabricError LEADER_UNAVAILABLE when this is not the leader, or the other does not take over
   */
  async transferTo(directorId: string): Promise<Leader> {
    const self = this.#options.candidate.directorId;
    if (!this.#election.isLeader()) {
      const leader = this.current();
      const who = leader ? `${leader.directorId} at ${leader.address} does: ask it` : "nobody does now";
      throw new FabricError("LEADER_UNAVAILABLE", `director ${self} does not lead, ${who}`);
    }
    const others = this.#election.candidates().filter((candidate) => candidate.directorId !== self);
    const successor = directorId || others[0]?.directorId;
    if (successor === undefined)
      throw new FabricError("LEADER_UNAVAILABLE", "there is no other director that could lead");
    return this.#election.transferTo(successor);
  }

  /** Leaves the election; a leader's place is free at once. */
  stop(): Promise<void> {
    return this.#election.stop();
  }
}
