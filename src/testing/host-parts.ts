import type { Connection } from "../core/call";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import type { MemoryHost } from "./memory-host";
import type { MemoryServer } from "./memory-server";

/** After how much silence a connection is pinged, and given up. */
export const KEEPALIVE_MS = 2_000;

/** What a process of the in-memory cluster is made with. */
export interface HostParts {
  readonly host: MemoryHost;
  readonly random: Random;
  readonly logger: Logger;
  readonly server: MemoryServer;
  /** `keepaliveMs` 0 sends no pings. */
  connect(address: string, keepaliveMs: number): Connection;
  newId(): string;
}
