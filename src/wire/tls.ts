import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";

import { ChannelCredentials, credentials, ServerCredentials } from "@grpc/grpc-js";

import { FabricError, messageOf } from "../core/errors";

/** PEM files; "" for none. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities that a client trusts, and no others. */
  readonly caFile: string;
}

/** Plain text unless there is a certificate. @throws FabricError INVALID_ARGUMENT that names the file */
export function serverCredentials({ certFile, keyFile }: TlsFiles): ServerCredentials {
  if (certFile === "") return ServerCredentials.createInsecure();
  const pair = { cert_chain: read(certFile), private_key: read(keyFile) };
  return checked(certFile, () => {
    // grpc-js looks at the files only when it listens, and would blame the address.
    createSecureContext({ cert: pair.cert_chain, key: pair.private_key });
    return ServerCredentials.createSsl(null, [pair]);
  });
}

/** Plain text unless there are authorities to trust. @throws FabricError INVALID_ARGUMENT that names the file */
export function channelCredentials({ certFile, keyFile, caFile }: TlsFiles): ChannelCredentials {
  if (caFile === "") return credentials.createInsecure();
  const [key, cert] = certFile === "" ? [null, null] : [read(keyFile), read(certFile)];
  // A pair that cannot be used must not be blamed on the authorities.
  if (key && cert) checked(certFile, () => createSecureContext({ key, cert }));
  return checked(caFile, () => ChannelCredentials.createSsl(read(caFile), key, cert));
}

/** What `node:tls` needs to serve; undefined for plain text. @throws FabricError INVALID_ARGUMENT that names the file */
export function servingTls({ certFile, keyFile }: TlsFiles): { cert: Buffer; key: Buffer } | undefined {
  if (certFile === "") return undefined;
  const pair = { cert: read(certFile), key: read(keyFile) };
  return checked(certFile, () => {
    createSecureContext(pair);
    return pair;
  });
}

/** What `node:tls` needs to dial; undefined for plain text. @throws FabricError INVALID_ARGUMENT that names the file */
export function dialingTls({ certFile, keyFile, caFile }: TlsFiles): SecureContext | undefined {
  if (caFile === "") return undefined;
  const own = certFile === "" ? {} : { cert: read(certFile), key: read(keyFile) };
  return checked(caFile, () => createSecureContext({ ca: read(caFile), ...own }));
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `TLS file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function checked<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `TLS file ${file} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}
