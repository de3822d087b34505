import type { PeerCertificate } from "../../core/call";
import type { BatchReader, BatchWriter } from "./batch";
import { OP } from "./port-messages";

/** Certificates that a thread keeps. Both sides forget all they have when another one comes: in the same place, since the port is ordered. */
const KNOWN_MAX = 64;

/** Tells a thread who its callers are, each once. */
export class CertificateWriter {
  readonly #told = new Set<string>();

  /** The name by which a call refers to it; "" for none. */
  tell(certificate: PeerCertificate | undefined, writer: BatchWriter): string {
    if (certificate === undefined) return "";
    const { subject, issuer, subjectaltname, fingerprint256, serialNumber, raw } = certificate;
    if (this.#told.has(fingerprint256)) return fingerprint256;
    if (this.#told.size === KNOWN_MAX) this.#told.clear();
    this.#told.add(fingerprint256);
    writer.add(OP.certificate, 0, JSON.stringify({ subject, issuer, subjectaltname, fingerprint256, serialNumber }));
    writer.addBytes(raw);
    return fingerprint256;
  }
}

/** Of the thread. */
export class CertificateReader {
  readonly #known = new Map<string, PeerCertificate>();

  take(reader: BatchReader): void {
    const facts = JSON.parse(reader.text()) as Omit<PeerCertificate, "raw">;
    if (this.#known.size === KNOWN_MAX) this.#known.clear();
    this.#known.set(facts.fingerprint256, { ...facts, raw: reader.bytes() });
  }

  get(fingerprint: string): PeerCertificate | undefined {
    return this.#known.get(fingerprint);
  }
}
