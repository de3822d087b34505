import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Files of a certificate for this machine, and the authority that signed it. */
export interface Certificates {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Makes a self-signed certificate with openssl, which is then its own authority. */
export async function makeCertificates(folder: string, name = "test"): Promise<Certificates> {
  const certFile = join(folder, `${name}_cert.pem`);
  const keyFile = join(folder, `${name}_key.pem`);
  await run("openssl", [
    ...["req", "-x509", ...NEW_KEY, "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  return { certFile, keyFile, caFile: certFile };
}

/** An authority, of which each name is another. */
export interface Authority {
  readonly caFile: string;
  readonly keyFile: string;
}

export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const caFile = join(folder, `${name}_ca.pem`);
  const keyFile = join(folder, `${name}_ca_key.pem`);
  await run("openssl", [
    ...["req", "-x509", ...NEW_KEY, "-days", "2", "-subj", `/CN=authority ${name}`],
    ...["-keyout", keyFile, "-out", caFile],
  ]);
  return { caFile, keyFile };
}

/** A certificate for this machine, of `authority`; good for servers and clients. `name` is its common name, and that of its files. */
export async function issueCertificate(authority: Authority, folder: string, name: string): Promise<Certificates> {
  const certFile = join(folder, `${name}_cert.pem`);
  const keyFile = join(folder, `${name}_key.pem`);
  await run("openssl", [
    ...["req", "-x509", ...NEW_KEY, "-days", "2", "-subj", `/CN=${name}`],
    ...["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=CA:FALSE"],
    ...["-CA", authority.caFile, "-CAkey", authority.keyFile, "-keyout", keyFile, "-out", certFile],
  ]);
  return { certFile, keyFile, caFile: authority.caFile };
}
