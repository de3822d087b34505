import type { Done } from "../simulated-store";
import type { Asked, Sent, World } from "../world";

/**
 * Something that must always be so. A run asks `always` whenever something that can be seen from outside happened (a call that
 * was sent, arrived or ended, a connection that came up or broke, a fault) and every 20 ms besides; the others as they say.
 */
export interface Invariant {
  /** In kebab-case; it is printed with each violation. */
  readonly name: string;
  /** For one run: what it remembers is its own. Each function gives what is wrong, in words. */
  judge(world: World): Judge;
}

export interface Judge {
  always?(): string | undefined;
  /** A call is about to be sent. */
  sent?(sent: Sent): string | undefined;
  /** A worker begins to run a call that must not run twice. */
  ran?(asked: Asked, worker: string): string | undefined;
  /** A client was told how it ended. */
  ended?(asked: Asked): string | undefined;
  /** The store did a transaction. */
  done?(done: Done): string | undefined;
  /** All faults are healed, and the time to settle is over. */
  settled?(): Promise<string | undefined>;
  /** Everything was closed. */
  closed?(): string | undefined;
}
