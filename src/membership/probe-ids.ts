/** Names of probe rounds, each given once, so that a late answer to an earlier round is known as such. */
export class ProbeIds {
  #count = 0;

  next(): string {
    this.#count += 1;
    return `probe-${this.#count}`;
  }
}
