import type { HostClock } from "./host-clock";

/** A process: what runs on it stops when it is frozen, and ends when it is killed. Its name is the host part of its addresses. */
export interface MemoryHost {
  readonly name: string;
  readonly clock: HostClock;
  frozen: boolean;
  dead: boolean;
  /** Dead, and nobody answers in its place either: the machine is without power. */
  off: boolean;
}

/** The host part of an address. */
export const hostOf = (address: string) => address.slice(0, address.lastIndexOf(":"));

/** Where tests look at directors from: what conditions the network has do not reach it, so that looking finds the same each time. */
export const OPERATOR_HOST = "operator";
