import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

import { FabricError, messageOf } from "../core/errors";

/** PEM files; "" for none. */
export interface TlsFiles {
  /** Certificate and key are given together. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities that this process trusts when it connects to others, and no others. */
  readonly caFile: string;
  /** Authorities of whom one must have signed the certificate of whoever connects here. Only servers have them. */
  readonly clientCaFile?: string;
}

/** What the files say, checked. */
export interface TlsMaterial {
  /** Shown to peers, on both kinds of connections. Undefined: this side serves plain text. */
  readonly own: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Undefined: this side connects in plain text. */
  readonly ca: Buffer | undefined;
  /** Undefined: clients need no certificate. */
  readonly clientCa: Buffer | undefined;
}

/** Of each file that is given, its content. */
export type TlsContents = ReadonlyMap<string, Buffer>;

export function namesOf({ certFile, keyFile, caFile, clientCaFile = "" }: TlsFiles): readonly string[] {
  return [...new Set([certFile, keyFile, caFile, clientCaFile])].filter((file) => file !== "");
}

/** @throws FabricError INVALID_ARGUMENT that names the file which cannot be used */
export function materialOf(files: TlsFiles, contents: TlsContents): TlsMaterial {
  const { certFile, keyFile, caFile, clientCaFile = "" } = files;
  const content = (file: string): Buffer => contents.get(file)!;
  const own = certFile === "" ? undefined : { cert: content(certFile), key: content(keyFile) };
  if (own) checked(`TLS file ${certFile} cannot be used with ${keyFile}`, () => createSecureContext(own));
  const authorities = (file: string) => {
    if (file === "") return undefined;
    checked(`TLS file ${file} cannot be used`, () => checkAuthorities(content(file)));
    return content(file);
  };
  return { own, ca: authorities(caFile), clientCa: authorities(clientCaFile) };
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** `node:tls` takes what it can read of a list and says nothing of the rest: a half-written one would trust half of whom it should. */
function checkAuthorities(pem: Buffer): void {
  const text = pem.toString("latin1");
  const certificates = text.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new Error("it has no certificate");
  if (text.split(BEGIN).length - 1 !== certificates.length) throw new Error("a certificate in it is not complete");
  for (const certificate of certificates) void new X509Certificate(certificate);
}

function checked<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `${what}: ${messageOf(error)}`, { cause: error });
  }
}
