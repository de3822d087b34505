import type { CallMetadata } from "./call-metadata";
import { FabricError } from "./errors";
import { HEDDLE_KEYS } from "./heddle-metadata";

/** What a call's metadata asks of the worker that takes it. */
export class CallAsks {
  /** To be told that it was taken. */
  readonly accept: boolean;
  /** To run once for all calls with this key; not checked. */
  readonly idempotencyKey: string | undefined;
  /** To be refused by any other life of the worker. */
  readonly life: string | undefined;

  constructor(metadata: CallMetadata) {
    this.accept = metadata.text(HEDDLE_KEYS.accept) === "1";
    this.idempotencyKey = metadata.text(HEDDLE_KEYS.idempotencyKey);
    this.life = metadata.text(HEDDLE_KEYS.life);
  }
}

/** Found out once for each metadata, which is the same object for calls with the same head. */
export function asksOf(metadata: CallMetadata): CallAsks {
  const known = metadata.derived;
  if (known instanceof CallAsks) return known;
  const made = new CallAsks(metadata);
  metadata.derived = made;
  return made;
}

/** Of any printable ASCII, without blanks at the ends, which HTTP/2 would lose. */
const KEY = /^[!-~](?:[ -~]{0,126}[!-~])?$/;

/** Why this cannot be an idempotency key; undefined when it can. */
export function keyFault(key: string): FabricError | undefined {
  if (KEY.test(key)) return undefined;
  const what = `${HEDDLE_KEYS.idempotencyKey} is ${JSON.stringify(key.slice(0, 140))}, of ${key.length} characters`;
  return new FabricError("INVALID_ARGUMENT", `${what}: use 1 to 128 printable ASCII characters, such as a UUID`);
}
