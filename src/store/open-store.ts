import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import type { Logger } from "../core/logger";
import type { Random } from "../core/random";
import { EmbeddedStore } from "./embedded/embedded-store";
import { LevelJournal } from "./embedded/level-journal";
import { MemoryJournal } from "./embedded/memory-journal";
import { EtcdStore } from "./etcd/etcd-store";
import type { Store } from "./store";

export interface EmbeddedEngine {
  readonly engine: "embedded";
  /** Folder for everything that this director keeps; the store takes its subfolder `store`. Without it, nothing outlives the process. */
  readonly dataDir?: string;
}

export interface EtcdEngine {
  readonly engine: "etcd";
  /** One or more of `host:port`, `http://host:port` or, all of them, `https://host:port`. */
  readonly endpoints: readonly string[];
  /** What comes before every key, so that clusters can share an etcd. Default "/heddle/". */
  readonly keyPrefix?: string;
  /** User and password are sent in the clear without TLS; a client certificate is the better way. */
  readonly auth?: { readonly username: string; readonly password: string };
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string };
  /** How long an operation waits for etcd. Default 3,000. */
  readonly timeoutMs?: number;
}

export interface StoreParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Opens the shared record. Embedded: rejects when the folder cannot be had (STORE_LOCKED, STORE_UNAVAILABLE). etcd: resolves
 * even while etcd is away; operations reject with STORE_UNAVAILABLE until it answers, and watches begin when it does.
 */
export async function openStore(engine: EmbeddedEngine | EtcdEngine, parts: StoreParts): Promise<Store> {
  switch (engine.engine) {
    case "embedded": {
      const { dataDir } = engine;
      const journal = dataDir === undefined ? new MemoryJournal() : new LevelJournal(join(dataDir, "store"));
      return EmbeddedStore.open({ ...parts, journal });
    }
    case "etcd": {
      const { tls, engine: _, ...options } = engine;
      return new EtcdStore({ ...options, ...parts, ...(tls && { tls: await readTls(tls) }) });
    }
  }
}

async function readTls(tls: NonNullable<EtcdEngine["tls"]>) {
  const [rootCertificate, certChain, privateKey] = await Promise.all([
    readPem("caFile", tls.caFile),
    tls.certFile === undefined ? undefined : readPem("certFile", tls.certFile),
    tls.keyFile === undefined ? undefined : readPem("keyFile", tls.keyFile),
  ]);
  return { rootCertificate, ...(certChain && { certChain }), ...(privateKey && { privateKey }) };
}

async function readPem(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `etcd's TLS ${what} cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
