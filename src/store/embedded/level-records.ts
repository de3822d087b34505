import type { JournalBatch, JournalRecord, StoredEntry, StoredLease } from "./journal";

/*
 * How the record lies in LevelDB:
 *   "meta"         JSON {format, revision, entryCount}
 *   "e/" + key     head (create revision, mod revision: two 64-bit floats; length of the lease id: one byte), lease id, value
 *   "l/" + leaseId JSON {ttlMs}
 */

export const META_KEY = "meta";
export const ENTRY_PREFIX = "e/";
export const LEASE_PREFIX = "l/";

/** Raised when the layout above changes in a way that an older program cannot read. */
export const FORMAT = 1;

export interface LevelMeta {
  readonly format: number;
  readonly revision: number;
  readonly entryCount: number;
}

export type LevelOperation =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

const HEAD_BYTES = 17;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeBatch({ records, revision, entryCount }: JournalBatch): LevelOperation[] {
  const meta: LevelMeta = { format: FORMAT, revision, entryCount };
  return [...records.map(encodeRecord), { type: "put", key: META_KEY, value: encodeJson(meta) }];
}

function encodeRecord(record: JournalRecord): LevelOperation {
  switch (record.kind) {
    case "put":
      return { type: "put", key: ENTRY_PREFIX + record.stored.entry.key, value: encodeEntry(record.stored) };
    case "delete":
      return { type: "del", key: ENTRY_PREFIX + record.key };
    case "grant":
      return {
        type: "put",
        key: LEASE_PREFIX + record.lease.leaseId,
        value: encodeJson({ ttlMs: record.lease.ttlMs }),
      };
    case "revoke":
      return { type: "del", key: LEASE_PREFIX + record.leaseId };
  }
}

function encodeEntry({ entry, leaseId = "" }: StoredEntry): Uint8Array {
  const lease = encoder.encode(leaseId);
  const bytes = new Uint8Array(HEAD_BYTES + lease.byteLength + entry.value.byteLength);
  const head = new DataView(bytes.buffer);
  // Doubles hold every revision that a JS number can.
  head.setFloat64(0, entry.createRevision);
  head.setFloat64(8, entry.modRevision);
  head.setUint8(16, lease.byteLength);
  bytes.set(lease, HEAD_BYTES);
  bytes.set(entry.value, HEAD_BYTES + lease.byteLength);
  return bytes;
}

/** Throws a RangeError when the bytes are too few. */
export function decodeEntry(levelKey: string, bytes: Uint8Array): StoredEntry {
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const valueOffset = HEAD_BYTES + head.getUint8(16);
  const leaseId = decoder.decode(bytes.subarray(HEAD_BYTES, valueOffset));
  return {
    entry: {
      key: levelKey.slice(ENTRY_PREFIX.length),
      value: Uint8Array.from(bytes.subarray(valueOffset)),
      createRevision: head.getFloat64(0),
      modRevision: head.getFloat64(8),
    },
    leaseId: leaseId === "" ? undefined : leaseId,
  };
}

export function decodeLease(levelKey: string, bytes: Uint8Array): StoredLease {
  const { ttlMs } = decodeJson(bytes) as { ttlMs: number };
  return { leaseId: levelKey.slice(LEASE_PREFIX.length), ttlMs };
}

export function decodeMeta(bytes: Uint8Array): LevelMeta {
  return decodeJson(bytes) as LevelMeta;
}

function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(decoder.decode(bytes));
}
