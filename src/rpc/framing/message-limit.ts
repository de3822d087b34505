/** gRPC's Length-Prefixed-Message: a flag and four bytes of length (PROTOCOL-HTTP2). */
const PREFIX_BYTES = 5;

/**
 * Finds messages over a limit in a stream of gRPC bytes, whatever pieces they come in, by reading the prefixes as they pass.
 * It keeps two numbers for each direction of a call, and touches no byte of a message.
 */
export class MessageLimit {
  readonly #bytesMax: number;
  /** Of the present message, still to come. */
  #leftBytes = 0;
  /** Of a prefix that was cut: how much of it was read, and the length so far. */
  #prefixRead = 0;
  #length = 0;
  #wholeTo = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** After `firstTooLarge` found one: where the messages before it end in that chunk. */
  get wholeTo(): number {
    return this.#wholeTo;
  }

  /** The length of the first message in `chunk[start, end)` that is too large; 0 if there is none. */
  firstTooLarge(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    this.#wholeTo = start;
    while (at < end) {
      if (this.#leftBytes > 0) {
        const take = Math.min(this.#leftBytes, end - at);
        this.#leftBytes -= take;
        at += take;
        this.#wholeTo = at;
        continue;
      }
      if (this.#prefixRead > 0) this.#length = this.#length * 256 + chunk[at]!;
      at += 1;
      this.#prefixRead += 1;
      if (this.#prefixRead < PREFIX_BYTES) continue;
      const length = this.#length;
      this.#prefixRead = 0;
      this.#length = 0;
      if (length > this.#bytesMax) return length;
      this.#leftBytes = length;
      this.#wholeTo = at;
    }
    return 0;
  }
}
