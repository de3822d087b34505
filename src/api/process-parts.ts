import { randomBytes } from "node:crypto";

import type { Clock } from "../core/clock";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import { createLogger, type LoggerOptions } from "../platform/logger";
import { systemClock } from "../platform/system-clock";
import { systemRandom } from "../platform/system-random";
import { LiveTls } from "../wire/live-tls";

/** What every role gets of the process it runs in. */
export interface ProcessParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The real clock, real randomness, and the given logger or one of the process's own. */
export function processParts(logger: Logger | undefined, options: LoggerOptions): ProcessParts {
  return { clock: systemClock, random: systemRandom(), logger: logger ?? createLogger(options) };
}

/** The TLS settings of a role. */
export interface TlsConfig {
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
  readonly tlsCaFile: string;
  /** Only of roles that others connect to. */
  readonly tlsClientCaFile?: string;
  readonly tlsReloadMs: number;
}

/** @throws FabricError INVALID_ARGUMENT that names the file which cannot be used */
export function liveTls(config: TlsConfig, { clock, logger }: Pick<ProcessParts, "clock" | "logger">): LiveTls {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsCaFile: caFile, tlsClientCaFile: clientCaFile } = config;
  const files = { certFile, keyFile, caFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) };
  return new LiveTls(files, { clock, logger, reloadMs: config.tlsReloadMs });
}

/** 16 random characters: unlike any other, and short enough to read. */
export function newId(): string {
  return randomBytes(8).toString("hex");
}
