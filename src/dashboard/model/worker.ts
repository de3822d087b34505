import { ROW_FIELDS, type RowValue, type WireRow, type WireRowChange } from "../feed-messages";

/** A worker as the page knows it; the fields are explained in `ROW_FIELDS`. */
export interface Worker {
  readonly memberId: string;
  readonly label: string;
  readonly address: string;
  readonly state: string;
  readonly stateReason: string;
  readonly stateSinceUnixMs: number;
  readonly intent: string;
  readonly intentBy: string;
  readonly intentReason: string;
  readonly intentSinceUnixMs: number;
  readonly intentDeadlineUnixMs: number;
  readonly role: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly services: readonly string[];
  readonly slots: number;
  readonly inFlight: number;
  readonly version: string;
  readonly homeDirectorId: string;
  readonly beatUnixMs: number;
  readonly phi: number;
  readonly ready: boolean;
  readonly notReadyReason: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly callsStarted: number;
  readonly callsFailed: number;
  readonly callsCancelled: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly cpuRatio: number;
  readonly memoryRatio: number;
  readonly loopLagMs: number;
  readonly incarnation: number;
  readonly joinedAtUnixMs: number;
  readonly resources: Readonly<Record<string, string | number>>;
  readonly beatKnown: boolean;
}

/** @param fields - what the gateway that sends calls the values, which may be of another version */
export function workerOf([, ...values]: WireRow, fields: readonly string[]): Worker {
  const worker: Record<string, RowValue> = { ...ABSENT };
  for (const [index, value] of values.entries()) worker[fields[index] ?? ""] = value;
  return worker as unknown as Worker;
}

/** A new worker, so that who compares it with the old one sees that it changed. */
export function changedWorker(worker: Worker, [, ...pairs]: WireRowChange, fields: readonly string[]): Worker {
  const changed: Record<string, RowValue> = { ...worker };
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const field = fields[pairs[index] as number];
    if (field !== undefined) changed[field] = pairs[index + 1]!;
  }
  return changed as unknown as Worker;
}

const LISTS = new Set<string>(["services"]);
const MAPS = new Set<string>(["tags", "errors", "resources"]);
const TEXTS = new Set<string>([
  "memberId",
  "label",
  "address",
  "state",
  "stateReason",
  "intent",
  "intentBy",
  "intentReason",
  "role",
  "version",
  "homeDirectorId",
  "notReadyReason",
]);
const FLAGS = new Set<string>(["ready", "beatKnown"]);

const ABSENT: Readonly<Record<string, RowValue>> = Object.fromEntries(
  ROW_FIELDS.map((field): [string, RowValue] => {
    if (LISTS.has(field)) return [field, []];
    if (MAPS.has(field)) return [field, {}];
    if (FLAGS.has(field)) return [field, false];
    return [field, TEXTS.has(field) ? "" : 0];
  }),
);
