/** One message of a feed, ready to be sent. */
export interface FeedFrame {
  readonly seq: number;
  readonly text: string;
}

export interface FeedRingOptions {
  readonly framesMax: number;
  readonly charactersMax: number;
}

/**
 * The latest messages of a feed, for readers that come back. Ids are "life-seq": the life is of the feed, so that nobody resumes in another
 * one where they left this one. Beyond either bound the oldest go, and who asks for them starts over.
 */
export class FeedRing {
  readonly #life: string;
  readonly #options: FeedRingOptions;
  readonly #frames: FeedFrame[] = [];
  #characters = 0;
  #seq = 0;

  constructor(life: string, options: FeedRingOptions) {
    this.#life = life;
    this.#options = options;
  }

  get lastSeq(): number {
    return this.#seq;
  }

  idOf(seq: number): string {
    return `${this.#life}-${seq}`;
  }

  push(text: string): FeedFrame {
    this.#seq += 1;
    const frame = { seq: this.#seq, text };
    this.#frames.push(frame);
    this.#characters += text.length;
    while (this.#frames.length > this.#options.framesMax || this.#characters > this.#options.charactersMax) {
      const oldest = this.#frames.shift();
      if (!oldest) break;
      this.#characters -= oldest.text.length;
    }
    return frame;
  }

  /** What came after this id; undefined when that is not known in full. */
  after(id: string): readonly FeedFrame[] | undefined {
    const [, life, digits] = /^(.+)-(\d{1,15})$/.exec(id) ?? [];
    if (life !== this.#life) return undefined;
    const seq = Number(digits);
    if (seq > this.#seq || seq < this.#seq - this.#frames.length) return undefined;
    return this.#frames.filter((frame) => frame.seq > seq);
  }
}
