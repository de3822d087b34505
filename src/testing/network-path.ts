import type { NetworkConditions } from "./network-conditions";

/** The way from one process to another; shared by all connections that take it, so that a change holds for those that are there. */
export interface NetworkPath {
  readonly from: string;
  readonly to: string;
  blocked: boolean;
  /** Its own; without, those of the network. */
  conditions: NetworkConditions | undefined;
}
