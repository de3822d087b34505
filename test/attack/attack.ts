import type { Sightings } from "./sightings";

/** What an attack is given. It goes on until its process ends. */
export interface AttackStage {
  /** host:port of the target. */
  readonly target: string;
  /** Whether the target's port speaks TLS. */
  readonly tls: boolean;
  /** Where a hostile worker listens. */
  readonly workerAddress: string;
  /** Whether the target takes workers, so that a hostile one has to attach. */
  readonly attaches: boolean;
  readonly seen: Sightings;
}

/**
 * Who plays the attacker:
 * - `client`: one connection at a time to the target's plain port;
 * - `tls-client`: the same to its TLS port;
 * - `worker`: a worker of a service of its own, and a client that calls it.
 */
export type AttackerRole = "client" | "tls-client" | "worker";

export interface Attack {
  readonly name: string;
  readonly role: AttackerRole;
  start(stage: AttackStage): void;
}
