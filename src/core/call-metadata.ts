export type MetadataValue = string | Uint8Array;

const NO_KEYS: readonly string[] = [];

/**
 * Headers or trailers of a call, in order, keys in lower case; values of keys that end in "-bin" are bytes. The part that
 * users may set; the reserved "grpc-…" keys are not in it.
 */
export class CallMetadata {
  /**
   * What somebody made of it and wants to keep with it: calls with the same head may share their metadata. Whoever sets it knows
   * it again by its class. Forgotten when the metadata changes.
   */
  derived: unknown;
  #entries: (readonly [key: string, value: MetadataValue])[] = [];
  #sensitiveKeys = NO_KEYS;

  static of(entries: Readonly<Record<string, MetadataValue>>): CallMetadata {
    const metadata = new CallMetadata();
    for (const [key, value] of Object.entries(entries)) metadata.append(key, value);
    return metadata;
  }

  /** The caller's own: a copy, or made of what is given. */
  static copyOf(given: CallMetadata | Readonly<Record<string, MetadataValue>>): CallMetadata {
    return given instanceof CallMetadata ? given.clone() : CallMetadata.of(given);
  }

  append(key: string, value: MetadataValue): void {
    this.derived = undefined;
    this.#entries.push([key.toLowerCase(), value]);
  }

  set(key: string, value: MetadataValue): void {
    this.delete(key);
    this.append(key, value);
  }

  delete(key: string): void {
    this.derived = undefined;
    const lowered = key.toLowerCase();
    for (let index = this.#entries.length - 1; index >= 0; index -= 1) {
      if (this.#entries[index]?.[0] === lowered) this.#entries.splice(index, 1);
    }
  }

  /** The first text value of a key; `undefined` when there is none. */
  text(key: string): string | undefined {
    for (const [name, value] of this.#entries) if (name === key && typeof value === "string") return value;
    return undefined;
  }

  /** The first binary value of a key. */
  bytes(key: string): Uint8Array | undefined {
    for (const [name, value] of this.#entries) if (name === key && typeof value !== "string") return value;
    return undefined;
  }

  entries(): readonly (readonly [key: string, value: MetadataValue])[] {
    return this.#entries;
  }

  /** Keys whose values must not enter a compression table, on this hop or a later one (RFC 7541 §7.1.3). Copies keep them. */
  get sensitiveKeys(): readonly string[] {
    return this.#sensitiveKeys;
  }

  markSensitive(key: string): void {
    this.derived = undefined;
    if (!this.#sensitiveKeys.includes(key)) this.#sensitiveKeys = [...this.#sensitiveKeys, key];
  }

  get size(): number {
    return this.#entries.length;
  }

  clone(): CallMetadata {
    const copy = new CallMetadata();
    // Entries never change, so copies share them.
    copy.#entries = this.#entries.slice();
    copy.#sensitiveKeys = this.#sensitiveKeys;
    return copy;
  }

  /** A copy that lacks these keys, given in lower case. */
  without(keys: ReadonlySet<string>): CallMetadata {
    const copy = new CallMetadata();
    copy.#sensitiveKeys = this.#sensitiveKeys;
    for (const entry of this.#entries) if (!keys.has(entry[0])) copy.#entries.push(entry);
    return copy;
  }
}
