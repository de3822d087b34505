import type { PolicyRegistry } from "../balancing/policy-registry";
import type { RetryBudgetOptions } from "../balancing/retry-budget";
import type { Connection, IncomingCall } from "../core/call";
import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { MemberRecord } from "../core/member";
import type { MessageCutter } from "../core/message-cutter";
import type { Random } from "../core/random";
import type { MembershipOptions } from "../membership/membership-options";
import type { Store } from "../store/store";
import type { DescriptorCatalog } from "../wire/descriptor-catalog";
import type { OpenCapacity } from "./capacity/slot-credits";
import type { Relays } from "./relays";

/** Settled settings of a director. */
export interface DirectorConfig extends RetryBudgetOptions {
  readonly directorId: string;
  readonly clusterId: string;
  /** For people; absent or "" for none. */
  readonly clusterName?: string;
  /** Where to listen; port 0 takes a free one. */
  readonly address: string;
  /** What others dial; "" takes the bound address. */
  readonly advertiseAddress: string;
  readonly sessionTtlMs: number;
  /** Default policy until SetBalancing says otherwise. */
  readonly balancer: string;
  readonly slowStartMs: number;
  readonly queueMax: number;
  readonly queueTimeoutMs: number;
  readonly attemptsMax: number;
  readonly resumeWindowMs: number;
  readonly retryBufferBytes: number;
  readonly retryMemoryBytes: number;
  readonly assignmentTtlMs: number;
  readonly drainTimeoutMs: number;
  /** How often the leader spreads agents anew; absent or 0 for never. */
  readonly agentRebalanceMs?: number;
  /** Of the certificate that callers are shown; absent or "" for plain text. Named in the log; the server has them. */
  readonly tlsCertFile?: string;
  readonly tlsKeyFile?: string;
  /** Where the unix sockets of workers may be; absent or "" for nowhere. */
  readonly workerSocketDir?: string;
}

/** The director's port. */
export interface DirectorServer {
  handle(path: string, handler: (call: IncomingCall) => void): void;
  handleUnknown(handler: (call: IncomingCall) => void): void;
  listen(address: string, field: string): Promise<string>;
  drain(): Promise<void>;
  close(): void;
}

/** What people and other programs see of a director beside gRPC. */
export interface Face {
  /** Begins to listen, before the director takes calls. Resolves to its address. */
  open(): Promise<string>;
  /** When nothing goes on any more. */
  close(): Promise<void>;
}

export interface DirectorParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: DirectorConfig;
  readonly version: string;
  readonly membership: MembershipOptions;
  readonly registry: PolicyRegistry;
  /** Closed by the director when it stops. */
  readonly store: Store;
  readonly server: DirectorServer;
  /** Its HTTP port. Default: none. */
  readonly face?: Face | undefined;
  /** Default: none, calls come to `server`. */
  readonly relays?: Relays;
  /** What reflection answers from. */
  readonly catalog: DescriptorCatalog;
  connect(address: string, record: MemberRecord): Connection;
  /** For calls of this director's own, in whole messages. Calls made while it connects wait for the outcome. */
  connectDirector(address: string): Connection;
  /** Of the calls that come to `server`, which are passed on as they are. Default: each chunk is a message. */
  newCutter?(): MessageCutter;
  /** On what `connect` gave. */
  readonly openCapacity: OpenCapacity;
  newId(): string;
  loopLagMs(): number;
  /**
   * Told when the director begins and ceases to take calls, and whenever the services it can relay to change. Once it is stopping it
   * never takes calls again.
   */
  onServing?(serving: boolean, services: ReadonlySet<string>, isStopping: boolean): void;
}
