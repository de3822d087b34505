import type { FabricClient } from "../../src/client/fabric-client";
import type { Connection } from "../../src/core/call";
import type { FabricError } from "../../src/core/errors";
import type { TypedClient } from "../../src/rpc/service/typed-client";
import type { DirectorServiceDefinition } from "../../src/wire/contract";
import type { MemoryCluster, RunningDirector, RunningWorker } from "../../src/testing/memory-cluster";
import type { MemoryHost } from "../../src/testing/memory-network";
import type { ClientKnowledge, DirectorKnowledge } from "./knowledge";
import type { LeaderLedger } from "./leader-ledger";
import type { Scenario } from "./scenario";
import type { SimulatedStore } from "./simulated-store";

/** One thing that a client asked for, and what came of it. */
export interface Asked {
  readonly id: string;
  readonly what: "work" | "book" | "generate" | "assigned-stream";
  readonly client: string;
  readonly startedMs: number;
  /** Until when it must have ended; Infinity for streams. */
  readonly deadlineMs: number;
  readonly takesMs: number;
  /** Time that it has besides what the worker takes for it. */
  readonly spareMs: number;
  /** Whether a fault was active when it was asked for or since, or had been shortly before. */
  isDisturbed: boolean;
  /** The same, but for the stops that were planned. */
  isHit: boolean;
  /** Its client asked for it to end, or died. */
  isGivenUp: boolean;
  endedMs?: number;
  /** undefined once it ended well. */
  error?: FabricError | undefined;
  /** How often a worker began to run it; only for `book`. */
  runs: number;
  /** Of streams: the sequence numbers that came. */
  readonly tokens: number[];
  readonly tokensWanted: number;
  /** Of streams: when the last token came, and the longest time without one. */
  lastTokenMs: number;
  longestSilenceMs: number;
}

export interface LiveDirector {
  readonly running: RunningDirector;
  /** As an operator calls it. */
  readonly rpc: TypedClient<DirectorServiceDefinition>;
  readonly operator: Connection;
  readonly host: MemoryHost;
  readonly knowledge: DirectorKnowledge;
  readonly ledger: LeaderLedger;
}

export interface LiveClient {
  readonly client: FabricClient;
  readonly knowledge: ClientKnowledge;
  readonly host: MemoryHost;
}

/** One acknowledged or attempted write that must be durable. */
export interface DurableWrite {
  readonly key: string;
  readonly value: string;
  acknowledged: boolean;
  /** It was refused without having been done. */
  refused: boolean;
  endedMs?: number;
  readonly startedMs: number;
}

export interface Violation {
  readonly invariant: string;
  readonly atMs: number;
  readonly what: string;
}

/** A call on its way: what some process sends to another. */
export interface Sent {
  readonly from: MemoryHost;
  readonly to: string;
  readonly path: string;
}

/** Everything that is so in a run, for those who judge it. */
export interface World {
  readonly scenario: Scenario;
  readonly cluster: MemoryCluster;
  readonly store: SimulatedStore;
  /** That run now; one that is frozen does. */
  readonly directors: ReadonlyMap<string, LiveDirector>;
  readonly workers: ReadonlyMap<string, RunningWorker>;
  readonly clients: ReadonlyMap<string, LiveClient>;
  readonly asked: readonly Asked[];
  readonly durable: readonly DurableWrite[];
  readonly errorLines: readonly string[];
  /** Whether a fault is active, or was within the last 15 s. */
  readonly isDisturbed: boolean;
  /** The same, but for stops that were planned. */
  readonly isHit: boolean;
  /** When each host was last disturbed by a fault; Infinity while one lasts. */
  readonly disturbedMs: (host: string) => number;
  /** When the store last ended that director's leases before their time. */
  readonly leaseLostMs: (director: string) => number;
  readonly nowMs: () => number;
  violate(invariant: string, what: string): void;
}
