import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

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
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  return { certFile, keyFile, caFile: certFile };
}
