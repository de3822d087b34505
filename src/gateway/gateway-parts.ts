import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { TlsSource } from "../rpc/server/tls-handshakes";
import type { TypedClient } from "../rpc/service/typed-client";
import type { AgentServiceDefinition, DirectorServiceDefinition } from "../wire/contract";
import type { DescriptorCatalog } from "../wire/descriptor-catalog";
import type { GuardConfig } from "./guard/guard-config";

/** Settled settings of the HTTP port. */
export interface GatewayConfig extends GuardConfig {
  /** host:port, or a unix socket; port 0 takes a free one. */
  readonly address: string;
  /** Whether a free port will do where `address` is taken: nobody asked for just that one. */
  readonly addressMayMove: boolean;
  /** The same at more ports, for callers of the systems that Heddle replaces. */
  readonly extraAddresses: readonly string[];
  readonly bodyMaxBytes: number;
  /** Silence after which a node that was registered by REST is dead. */
  readonly nodeTimeoutMs: number;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly directorId: string;
}

export interface GatewayParts {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  /** Undefined: plain text. */
  readonly tls?: TlsSource | undefined;
  /** Calls of anything that the director serves or routes, in whole messages. */
  readonly connection: Connection;
  readonly director: TypedClient<DirectorServiceDefinition>;
  readonly agents: TypedClient<AgentServiceDefinition>;
  /** The contracts of all services that can be called. */
  readonly catalog: DescriptorCatalog;
  /** Whether the director takes calls: false while it starts, and from the moment it begins to stop. */
  isServing(): boolean;
  /**
   * A connection to another director by its gRPC address, in whole messages. Closed by whoever asked for it.
   */
  connectDirector(address: string): Connection;
}
