/** Fields of a request's head by which a call says what it wants of the bulk worker. */
export const BULK = {
  download: "/bulk.v1.BulkService/Download",
  upload: "/bulk.v1.BulkService/Upload",
  /** Not in the contract, for it is asked of the worker itself: trailers say how many of its streams wait. */
  waiting: "/bulk.v1.BulkService/Waiting",
  bytes: "bulk-bytes",
  /** Uploads are read once so many are held up; without it never. */
  together: "bulk-together",
  received: "bulk-received",
} as const;

/** What a stream may send before its reader took it: the protocol's own, which all peers begin with. */
export const WINDOW_BYTES = 65_535;

const PREFIX_BYTES = 5;
/** Well under HEDDLE_MESSAGE_MAX_BYTES. */
const MESSAGE_BYTES = 1_048_576;
const PERIOD = 251;
const PATTERN = Buffer.from(Array.from({ length: 65_536 + PERIOD }, (_, index) => index % PERIOD));

/** gRPC messages of 1 MiB each at most, `bytes` in all, of which every part can be told from every other nearby. */
export class BulkMessages {
  readonly bytes: number;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** Bytes from `offset` on, as many as are at hand: at least one, unless it is the end. */
  from(offset: number): Buffer {
    const inMessage = offset % MESSAGE_BYTES;
    const messageBytes = Math.min(MESSAGE_BYTES, this.bytes - (offset - inMessage));
    if (inMessage < PREFIX_BYTES) return prefixOf(messageBytes).subarray(inMessage);
    const start = offset % PERIOD;
    return PATTERN.subarray(start, start + Math.min(65_536, messageBytes - inMessage));
  }

  /** Whether `chunk[start, end)` is what they have at `offset`. */
  matches(offset: number, chunk: Buffer, start: number, end: number): boolean {
    for (let at = start; at < end;) {
      const expected = this.from(offset + at - start);
      const length = Math.min(expected.length, end - at);
      if (length === 0 || expected.compare(chunk, at, at + length, 0, length) !== 0) return false;
      at += length;
    }
    return true;
  }
}

function prefixOf(messageBytes: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(messageBytes - PREFIX_BYTES, 1);
  return prefix;
}
