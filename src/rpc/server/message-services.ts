import type { IncomingCall, MessageEncoding } from "../../core/call";
import type { Clock } from "../../core/clock";
import { MemoryBudget } from "./memory-budget";
import { MessageCall } from "./message-call";

/** What requests may hold on one connection while they are incomplete; two messages at least. */
const HELD_MAX_BYTES = 16 * 1024 * 1024;

/** Methods that get whole messages, made of the chunks that a connection has. */
export class MessageServices {
  readonly #clock: Clock;
  readonly #messageMaxBytes: number;
  readonly #compression: MessageEncoding | undefined;
  readonly #handlers = new Map<string, (call: IncomingCall) => void>();
  readonly #held = new WeakMap<object, MemoryBudget>();

  constructor(clock: Clock, messageMaxBytes: number, compression?: MessageEncoding) {
    this.#clock = clock;
    this.#messageMaxBytes = messageMaxBytes;
    this.#compression = compression;
  }

  /** "/package.Service/Method" of all there are. */
  get paths(): Iterable<string> {
    return this.#handlers.keys();
  }

  handle(path: string, handler: (call: IncomingCall) => void): void {
    this.#handlers.set(path, handler);
  }

  has(path: string): boolean {
    return this.#handlers.has(path);
  }

  /** @param connection - which the call came on; the calls of one share what they may hold */
  serve(call: IncomingCall, connection: object): void {
    const [messageMaxBytes, compression] = [this.#messageMaxBytes, this.#compression];
    const held = this.#heldBy(connection);
    this.#handlers.get(call.path)!(new MessageCall(call, { clock: this.#clock, messageMaxBytes, compression, held }));
  }

  #heldBy(connection: object): MemoryBudget {
    const known = this.#held.get(connection);
    if (known !== undefined) return known;
    const held = new MemoryBudget(Math.max(HELD_MAX_BYTES, 2 * this.#messageMaxBytes));
    this.#held.set(connection, held);
    return held;
  }
}
