import type { Random } from "../../src/core/random";
import type { EmbeddedRig } from "./embedded-rig";
import type { Fabric } from "./fabric";

/** Faults of one lane come one after the other; those of two lanes at the same time. */
export type Lane = "workers and clients" | "directors and store";

/** What a fault takes away from the calls, for whoever judges them. */
export interface Effect {
  /** This worker cannot be called, or does not answer. */
  readonly worker?: string;
  /** These directors cannot be called, or do not answer. */
  readonly directors?: readonly string[];
  /** This client's process does not run. */
  readonly client?: string;
  /** The leader when it began, if it was among `directors` or was cut off from the store. */
  readonly leader?: string;
}

export interface Injected {
  /** Whom it hit, in words. */
  readonly target: string;
  readonly effect: Effect;
  /** Resolves when it is over, restarts included. */
  heal(): Promise<void>;
}

export interface FaultParts {
  readonly fabric: Fabric;
  readonly embedded: EmbeddedRig | undefined;
  /** The id of the director that leads; "" when nobody does. */
  leader(): Promise<string>;
}

export interface FaultKind {
  readonly name: string;
  readonly lane: Lane;
  /** How long it lasts, in heartbeat intervals of half a second: shorter intervals shorten it. */
  readonly holdIntervals: number;
  /** Whom it hits comes from `random` alone, so that a seed replays it. */
  inject(parts: FaultParts, random: Random): Promise<Injected>;
}

/** As the report and the validators see it. */
export interface FaultRecord extends Effect {
  readonly kind: string;
  readonly target: string;
  /** By `nowMs`. */
  readonly startMs: number;
  readonly healedMs: number;
}

export function oneOf<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!;
}
