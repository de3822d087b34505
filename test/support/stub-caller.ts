import type { Acceptance, CallEnd, IncomingCall, IncomingListener } from "../../src/core/call";
import { CallMetadata } from "../../src/core/call-metadata";

/** The caller of an incoming call, as a test plays it: what the server did is in `seen`. */
export class StubCaller {
  readonly seen: {
    accepted: Acceptance[];
    headers: CallMetadata[];
    messages: Uint8Array[];
    ends: Omit<CallEnd, "error">[];
    paused: boolean;
  } = { accepted: [], headers: [], messages: [], ends: [], paused: false };
  /** What `send` answers: false says that the caller reads slowly. */
  takesMore = true;
  listener: IncomingListener | undefined;
  #over = false;
  readonly #timeoutMs: number | undefined;
  readonly #metadata: CallMetadata;
  readonly #path: string;

  constructor(options: { timeoutMs?: number; metadata?: Readonly<Record<string, string>>; path?: string } = {}) {
    this.#timeoutMs = options.timeoutMs;
    this.#metadata = CallMetadata.of(options.metadata ?? {});
    this.#path = options.path ?? "/a.B/C";
  }

  readonly call: IncomingCall = {
    path: "/a.B/C",
    metadata: new CallMetadata(),
    timeoutMs: undefined,
    peer: "test",
    listen: (listener) => {
      this.listener = listener;
    },
    accept: (by) => void this.seen.accepted.push(by),
    sendHeaders: (metadata) => void this.seen.headers.push(metadata),
    send: (bytes) => {
      this.seen.messages.push(bytes);
      return this.takesMore;
    },
    finish: (end) => {
      this.#over = true;
      this.seen.ends.push(end);
    },
    pause: () => {
      this.seen.paused = true;
    },
    resume: () => {
      this.seen.paused = false;
    },
  };

  /** The call as it arrives with this deadline. */
  get arriving(): IncomingCall {
    return { ...this.call, timeoutMs: this.#timeoutMs, metadata: this.#metadata, path: this.#path };
  }

  get isOver(): boolean {
    return this.#over;
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const bytes of messages) if (!this.#over) this.listener?.message(bytes);
  }

  halfClose(): void {
    if (!this.#over) this.listener?.halfClosed();
  }

  cancel(): void {
    if (!this.#over) this.listener?.cancelled();
  }

  drain(): void {
    this.takesMore = true;
    if (!this.#over) this.listener?.drained?.();
  }

  /** Its one end, as text. */
  get end(): string | undefined {
    const [end] = this.seen.ends;
    return end && `${end.status} ${end.message}`;
  }
}
