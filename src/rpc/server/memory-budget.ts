/** What the calls of one connection hold in memory together, and how much that may be. */
export class MemoryBudget {
  readonly bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** False, and nothing is changed, if that would be too much. Less is always possible. */
  change(byBytes: number): boolean {
    if (byBytes > 0 && this.#bytes + byBytes > this.bytesMax) return false;
    this.#bytes += byBytes;
    return true;
  }
}
