import { FabricError } from "../core/errors";
import type { Transaction } from "./store";

export const KEY_MAX_BYTES = 512;
/** Under etcd's default request limit (1.5 MiB), so that what one engine takes the other takes too. */
export const VALUE_MAX_BYTES = 1_048_576;
/** Under etcd's default of 128 for `--max-txn-ops`. */
export const TRANSACTION_PARTS_MAX = 100;
export const SESSION_TTL_MIN_MS = 1_000;

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

export function checkKey(key: string): void {
  if (key === "") throw invalid("a key is empty");
  checkPrefix(key);
}

/** A prefix is like a key, but may be empty: everything. */
export function checkPrefix(prefix: string): void {
  if (!PRINTABLE_ASCII.test(prefix)) throw invalid(`key ${JSON.stringify(prefix)} is not printable ASCII`);
  if (prefix.length > KEY_MAX_BYTES) {
    throw invalid(`key "${prefix.slice(0, 40)}…" has ${prefix.length} bytes; at most ${KEY_MAX_BYTES} are allowed`);
  }
}

export function checkTransaction({ conditions, operations }: Transaction): void {
  for (const [name, parts] of Object.entries({ conditions, operations })) {
    if (parts.length > TRANSACTION_PARTS_MAX) {
      throw invalid(`a transaction has ${parts.length} ${name}; at most ${TRANSACTION_PARTS_MAX} are allowed`);
    }
  }
  for (const { key } of conditions) checkKey(key);
  const written = new Set<string>();
  for (const operation of operations) {
    checkKey(operation.key);
    if (written.has(operation.key)) throw invalid(`a transaction writes key "${operation.key}" twice`);
    written.add(operation.key);
    if (operation.kind === "put" && operation.value.byteLength > VALUE_MAX_BYTES) {
      throw invalid(
        `the value for key "${operation.key}" has ${operation.value.byteLength} bytes; at most ${VALUE_MAX_BYTES} are allowed`,
      );
    }
  }
}

export function checkTtl(ttlMs: number): void {
  if (!(ttlMs >= SESSION_TTL_MIN_MS) || !Number.isFinite(ttlMs)) {
    throw invalid(`a session's ttlMs is ${ttlMs}; it must be ${SESSION_TTL_MIN_MS} or more`);
  }
}

function invalid(what: string): FabricError {
  return new FabricError("INVALID_ARGUMENT", `${what}. Nothing was changed.`);
}
