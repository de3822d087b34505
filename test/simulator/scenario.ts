import type { ClientMode } from "../../src/client/fabric-client";
import type { IntentKind } from "../../src/core/member";

/** What is done, when, to whom: all that a run depends on besides the code. Data, so that one that found a bug can be kept. */
export interface Scenario {
  /** Decides how long packets take and what the product's own chance says. */
  readonly seed: number;
  readonly directors: readonly string[];
  readonly workers: readonly { readonly name: string; readonly slots: number }[];
  readonly clients: readonly { readonly name: string; readonly mode: ClientMode }[];
  /** By rising time. */
  readonly steps: readonly Step[];
  /** Workers that do not come back from a crash. */
  readonly gone?: readonly string[];
  /** When the last step was taken and every fault is healed, in milliseconds from the start. */
  readonly activeMs: number;
}

/** How a director's way to the store fails. */
export type StoreFault =
  /** Every operation is refused at once, and watches break, as by a store that was stopped. */
  | "refused"
  /** Nothing gets there; what was sent arrives when it heals. */
  | "requests-held"
  /** Operations are done, but their answers and the watch's events are held until it heals. */
  | "answers-held"
  /** Both. */
  | "silent"
  /** The connection breaks in the middle of every third operation, half of them after it was done. */
  | "flaky"
  /** Every packet takes up to half a second. */
  | "slow";

export type Action =
  /** A unary call, idempotent (`work`) or not (`book`), that takes the worker `takesMs`. */
  | {
      readonly do: "call";
      readonly client: string;
      readonly method: "work" | "book";
      readonly takesMs: number;
      readonly timeoutMs: number;
      readonly cancelAfterMs?: number;
    }
  | { readonly do: "generate"; readonly client: string; readonly tokens: number; readonly intervalMs: number }
  /** The stream of AssignedStream: asks for a worker, connects to it by itself. */
  | { readonly do: "assigned-stream"; readonly client: string; readonly director: string; readonly tokens: number }
  /** An assignment that is held, and then released or, as by a client that vanished, not. */
  | { readonly do: "assign"; readonly director: string; readonly holdMs: number; readonly release: boolean }
  | { readonly do: "intent"; readonly director: string; readonly worker: string; readonly kind: IntentKind }
  | { readonly do: "policy"; readonly director: string; readonly policy: string }
  | { readonly do: "transfer"; readonly from: string; readonly to: string }
  /** Asks a process to stop; it may finish what it has. */
  | { readonly do: "stop"; readonly host: string }
  /** `silently`: with its machine, so that nobody is told. */
  | { readonly do: "crash"; readonly host: string; readonly silently: boolean }
  /** Starts a process that stopped or crashed. */
  | { readonly do: "start"; readonly host: string }
  | { readonly do: "freeze"; readonly host: string }
  | { readonly do: "thaw"; readonly host: string }
  | { readonly do: "block"; readonly from: string; readonly to: string }
  | { readonly do: "unblock"; readonly from: string; readonly to: string }
  | { readonly do: "cut"; readonly from: string; readonly to: string }
  | { readonly do: "store-fault"; readonly director: string; readonly fault: StoreFault }
  | { readonly do: "store-heal"; readonly director: string }
  | { readonly do: "lease-loss"; readonly director: string }
  /** Sets the wall clock of a machine. */
  | { readonly do: "step-wall"; readonly host: string; readonly byMs: number }
  /** From now on the clock of that machine gains this part of the time. */
  | { readonly do: "drift"; readonly host: string; readonly ratio: number }
  /** What the whole network does to packets from now on; all 0 and 3 ms is a good one. */
  | {
      readonly do: "degrade";
      readonly dropRatio: number;
      readonly resetRatio: number;
      readonly loseAnswerRatio: number;
      readonly delayMaxMs: number;
    };

export type Step = { readonly atMs: number } & Action;

/** Steps that make something fail, as opposed to those that ask for something. */
export const FAULTS: ReadonlySet<Step["do"]> = new Set([
  "stop",
  "crash",
  "freeze",
  "block",
  "cut",
  "store-fault",
  "lease-loss",
  "step-wall",
  "drift",
  "degrade",
]);
