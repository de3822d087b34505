import { readFile } from "node:fs/promises";

import { FabricError, messageOf } from "../core/errors";
import { IN_MEMORY, type DirectorConfig } from "../config/director-settings";
import type { EmbeddedEngine, EtcdEngine } from "../store/open-store";

/** Which store the settings ask for. @throws FabricError INVALID_ARGUMENT when the password file cannot be read */
export async function storeEngine(config: DirectorConfig): Promise<EmbeddedEngine | EtcdEngine> {
  if (config.etcdEndpoints.length === 0) {
    return { engine: "embedded", ...(config.dataDir === IN_MEMORY ? {} : { dataDir: config.dataDir }) };
  }
  const { etcdCaFile: caFile, etcdCertFile: certFile, etcdKeyFile: keyFile } = config;
  const username = config.etcdUser;
  return {
    engine: "etcd",
    endpoints: config.etcdEndpoints,
    keyPrefix: config.etcdPrefix,
    ...(username === "" ? {} : { auth: { username, password: await readPassword(config.etcdPasswordFile) } }),
    ...(caFile === "" ? {} : { tls: { caFile, ...(certFile === "" ? {} : { certFile, keyFile }) } }),
  };
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trimEnd();
  } catch (error) {
    const message = `HEDDLE_ETCD_PASSWORD_FILE ${file} cannot be read: ${messageOf(error)}`;
    throw new FabricError("INVALID_ARGUMENT", message, { cause: error });
  }
}
