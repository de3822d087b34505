import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LiveTls } from "../../src/wire/live-tls";
import { issueCertificate, makeAuthority } from "./certificates";
import { fixedTls } from "./fixed-tls";

/** With "mutual TLS" clients must show a certificate too. */
export type Security = "plain" | "TLS" | "mutual TLS";

/** One authority, and one certificate of it for all ends. */
export class TestTls {
  readonly #folder = mkdtempSync(join(tmpdir(), "heddle-test-tls-"));
  readonly #made = new Map<Security, LiveTls>();

  async make(): Promise<void> {
    const authority = await makeAuthority(this.#folder, "test");
    const { certFile, keyFile, caFile } = await issueCertificate(authority, this.#folder, "end");
    this.#made.set("TLS", fixedTls({ certFile, keyFile, caFile }));
    this.#made.set("mutual TLS", fixedTls({ certFile, keyFile, caFile, clientCaFile: caFile }));
  }

  /** Undefined for plain text. */
  of(security: Security): LiveTls | undefined {
    return this.#made.get(security);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
