/** What RFC 7541 §4.1 adds to the length of name and value of every field. */
export const FIELD_OVERHEAD_BYTES = 32;

const NONE: readonly number[] = [];

/**
 * The fields of one header block, in order. Never changes, so that what was found out about it once — that it is valid, how
 * it is encoded on a connection — holds for its life; two blocks with the same bytes often are the same object.
 *
 * Strings hold one octet per character (latin1), as HTTP fields do.
 */
export class HeaderList {
  /** name, value, name, value, … Names in lower case; pseudo-headers first. */
  readonly fields: readonly string[];
  /** Positions in `fields` of the names of fields that must never enter a compression table, here or at a later hop (RFC 7541 §6.2.3). */
  readonly neverIndexed: readonly number[];
  /** Octets of names and values plus 32 per field: what SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2). */
  readonly sizeBytes: number;
  /** What header-rules found out, one slot per kind of block: `undefined` = not looked at, "" = valid, else the fault. */
  requestFault: string | undefined = undefined;
  responseFault: string | undefined = undefined;
  trailerFault: string | undefined = undefined;
  /** A regular field's value begins or ends with a blank. Known once looked at. */
  hasBlankEnds = false;
  /** The content-length, −1 if there is none. Known once looked at as a request or a response. */
  contentLength = -1;
  /** For whoever uses the list: what they made of it, to be found again when the same list comes back. The engine leaves it alone. */
  derived: unknown = undefined;

  constructor(fields: readonly string[], sizeBytes: number, neverIndexed: readonly number[] = NONE) {
    this.fields = fields;
    this.sizeBytes = sizeBytes;
    this.neverIndexed = neverIndexed;
  }

  /** From name, value, name, value, … Fields named in `sensitive` are never indexed. */
  static of(fields: readonly string[], sensitive: readonly string[] = []): HeaderList {
    let sizeBytes = 0;
    const neverIndexed: number[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      sizeBytes += fields[at]!.length + fields[at + 1]!.length + FIELD_OVERHEAD_BYTES;
      if (sensitive.includes(fields[at]!)) neverIndexed.push(at);
    }
    return new HeaderList(fields, sizeBytes, neverIndexed);
  }

  /** The value of the first field of this name. */
  get(name: string): string | undefined {
    const { fields } = this;
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
    return undefined;
  }

  get count(): number {
    return this.fields.length >> 1;
  }
}
