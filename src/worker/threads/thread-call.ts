import type { CallEnd, IncomingCall, IncomingListener, MessageCompression, PeerCertificate } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";
import type { Outbox } from "./outbox";
import { OP } from "./port-messages";
import { costOf, ReceiveWindow, SendWindow } from "./windows";

/** What is known of a call when it comes. */
export interface CallHead {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly peer: string;
  readonly authority: string | undefined;
  readonly certificate: PeerCertificate | undefined;
}

/**
 * A call as the handler's thread sees it; the main thread has its other end.
 * - T1 messages that the handler does not want yet wait here; the window bounds them.
 * - T2 exactly one last word to the main thread: `finish` of the handler, or that it was told of the cancel.
 */
export class ThreadCall implements IncomingCall {
  readonly path: string;
  readonly metadata: CallMetadata;
  readonly timeoutMs: number | undefined;
  readonly peer: string;
  readonly authority: string | undefined;
  readonly #certificate: PeerCertificate | undefined;
  readonly #id: number;
  readonly #outbox: Outbox;
  readonly #left: (id: number) => void;
  readonly #waiting: Uint8Array[] = [];
  readonly #sent = new SendWindow();
  readonly #received = new ReceiveWindow();
  #listener: IncomingListener | undefined;
  #compresses: MessageCompression["compresses"];
  #halfClosed = false;
  #paused = false;
  #delivering = false;
  #over = false;

  /** @param left - told when the main thread has had the last word */
  constructor(id: number, head: CallHead, outbox: Outbox, left: (id: number) => void) {
    this.path = head.path;
    this.metadata = head.metadata;
    this.timeoutMs = head.timeoutMs;
    this.peer = head.peer;
    this.authority = head.authority;
    this.#certificate = head.certificate;
    this.#id = id;
    this.#outbox = outbox;
    this.#left = left;
  }

  get isOver(): boolean {
    return this.#over;
  }

  // ---- IncomingCall: the handler's side --------------------------------------------------------------------------------

  listen(listener: IncomingListener): void {
    if (this.#over) {
      queueMicrotask(() => listener.cancelled());
      return;
    }
    this.#listener = listener;
    this.#deliver();
  }

  peerCertificate(): PeerCertificate | undefined {
    return this.#certificate;
  }

  compress({ encoding, compresses }: MessageCompression): void {
    if (this.#over) return;
    this.#compresses = compresses;
    this.#outbox.write((writer) => writer.add(OP.compress, this.#id, encoding));
  }

  sendHeaders(metadata: CallMetadata): void {
    if (this.#over) return;
    this.#outbox.write((writer) => {
      writer.add(OP.headers, this.#id);
      writer.addMetadata(metadata);
    });
  }

  send(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    const op = this.#compresses?.(bytes) === false ? OP.messageAsIs : OP.message;
    this.#outbox.write((writer) => {
      writer.add(op, this.#id);
      writer.addBytes(bytes);
    });
    return this.#sent.spend(costOf(bytes));
  }

  finish({ status, message, trailers }: Omit<CallEnd, "error">): void {
    if (this.#over) return;
    this.#leave();
    this.#outbox.write((writer) => {
      writer.add(OP.finish, this.#id, status, message);
      writer.addMetadata(trailers);
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  // ---- The main thread's side ------------------------------------------------------------------------------------------

  receive(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#deliver();
  }

  halfClose(): void {
    this.#halfClosed = true;
    this.#deliver();
  }

  credit(bytes: number): void {
    if (this.#sent.credit(bytes)) this.#listener?.drained?.();
  }

  cancel(): void {
    const listener = this.#listener;
    this.#leave();
    this.#outbox.write((writer) => writer.add(OP.cancelled, this.#id));
    listener?.cancelled();
  }

  // ----------------------------------------------------------------------------------------------------------------------

  #leave(): void {
    this.#over = true;
    this.#listener = undefined;
    this.#waiting.length = 0;
    this.#left(this.#id);
  }

  #deliver(): void {
    // A listener that resumes while it is told of a message would get the next before the end of this one.
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && this.#listener && this.#waiting.length > 0) {
      const message = this.#waiting.shift()!;
      this.#listener.message(message);
      this.#giveCredit(costOf(message));
    }
    this.#delivering = false;
    if (this.#paused || !this.#listener || !this.#halfClosed) return;
    this.#halfClosed = false;
    this.#listener.halfClosed();
  }

  #giveCredit(bytes: number): void {
    const creditBytes = this.#received.took(bytes);
    if (creditBytes > 0 && !this.#over) this.#outbox.write((writer) => writer.add(OP.credit, this.#id, creditBytes));
  }
}
