import type { IncomingCall, IncomingListener, MessageEncoding } from "../../core/call";
import { endOfError } from "../../core/call-end";
import type { FabricError } from "../../core/errors";
import type { Status } from "../../core/status";
import type { BatchReader } from "./batch";
import type { CertificateWriter } from "./certificates";
import type { Outbox } from "./outbox";
import { OP } from "./port-messages";
import { costOf, ReceiveWindow, SendWindow } from "./windows";

/** A call that a thread runs, as the main thread sees it: carries what its caller and its handler say across. */
export class CarriedCall implements IncomingListener {
  readonly #id: number;
  readonly #call: IncomingCall;
  readonly #outbox: Outbox;
  readonly #certificates: CertificateWriter;
  readonly #sent = new SendWindow();
  readonly #received = new ReceiveWindow();
  /** Of messages passed to a caller that reads slowly; credited when it has read. */
  #unreadBytes = 0;
  #mayCompress = true;
  #over = false;

  constructor(id: number, call: IncomingCall, outbox: Outbox, certificates: CertificateWriter) {
    this.#id = id;
    this.#call = call;
    this.#outbox = outbox;
    this.#certificates = certificates;
  }

  begin(): void {
    const { path, peer, authority = "", timeoutMs = -1, metadata } = this.#call;
    this.#outbox.write((writer) => {
      const certificate = this.#certificates.tell(this.#call.peerCertificate?.(), writer);
      writer.add(OP.open, this.#id, path, peer, authority, certificate, timeoutMs);
      writer.addMetadata(metadata);
    });
    this.#call.listen(this);
  }

  /** The thread is gone. */
  fail(error: FabricError): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.finish(endOfError(error));
  }

  // ---- IncomingListener: the caller's side -----------------------------------------------------------------------------

  message(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#outbox.write((writer) => {
      writer.add(OP.message, this.#id);
      writer.addBytes(bytes);
    });
    if (!this.#sent.spend(costOf(bytes))) this.#call.pause();
  }

  halfClosed(): void {
    if (!this.#over) this.#outbox.write((writer) => writer.add(OP.halfClose, this.#id));
  }

  cancelled(): void {
    if (this.#over) return;
    this.#over = true;
    this.#outbox.write((writer) => writer.add(OP.cancel, this.#id));
  }

  drained(): void {
    const bytes = this.#unreadBytes;
    this.#unreadBytes = 0;
    if (bytes > 0) this.#giveCredit(bytes);
  }

  // ---- The thread's side -----------------------------------------------------------------------------------------------

  headers(reader: BatchReader): void {
    const metadata = reader.metadata();
    if (!this.#over) this.#call.sendHeaders(metadata);
  }

  compress(reader: BatchReader): void {
    const encoding = reader.text() as MessageEncoding;
    if (!this.#over) this.#call.compress?.({ encoding, compresses: () => this.#mayCompress });
  }

  /** @param mayCompress - what the handler says of this message */
  answer(reader: BatchReader, mayCompress: boolean): void {
    const bytes = reader.bytes();
    if (this.#over) return;
    this.#mayCompress = mayCompress;
    if (!this.#call.send(bytes)) this.#unreadBytes += costOf(bytes);
    else this.#giveCredit(costOf(bytes));
  }

  finished(reader: BatchReader): void {
    const [status, message, trailers] = [reader.number() as Status, reader.text(), reader.metadata()];
    if (this.#over) return;
    this.#over = true;
    this.#call.finish({ status, message, trailers });
  }

  credit(bytes: number): void {
    if (this.#sent.credit(bytes) && !this.#over) this.#call.resume();
  }

  #giveCredit(bytes: number): void {
    const creditBytes = this.#received.took(bytes);
    if (creditBytes > 0 && !this.#over) this.#outbox.write((writer) => writer.add(OP.credit, this.#id, creditBytes));
  }
}
