/**
 * Clients under chaos: one of each wanted mode, calling at a constant pace until SIGTERM. Every call becomes a line of the history.
 * Its argument is a `ClientOrder` in JSON.
 */
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { disorderOf, nowMs, type CallKind, type CallRecord, type Mode } from "./history";
import { caller, type CallOutcome, type ModeCaller } from "./mode-caller";

export interface ClientOrder {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly directors: readonly string[];
  readonly historyFile: string;
  /** Deadline of unary calls and of `count`. */
  readonly timeoutMs: number;
  readonly perSecond: Readonly<Record<CallKind, number>>;
}

const order = JSON.parse(process.argv[2] ?? "{}") as ClientOrder;
const history = createWriteStream(order.historyFile, { flags: "a" });
const pending = new Set<Promise<void>>();
let numberOfCalls = 0;

async function call(from: ModeCaller, mode: Mode, kind: CallKind): Promise<void> {
  numberOfCalls += 1;
  const id = `${order.name}-${mode}-${kind}-${numberOfCalls}`;
  const startMs = nowMs();
  const outcome: CallOutcome = { worker: "", attempts: 0, numbers: [] };
  let failure = "";
  try {
    await from.call(kind, id, outcome);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const { worker, attempts, numbers } = outcome;
  const disorder = disorderOf(numbers);
  const ended: CallRecord = {
    ...{ client: order.name, mode, kind, id, startMs, endMs: nowMs() },
    ...{ failure, worker, attempts, disorder },
  };
  history.write(`${JSON.stringify(ended)}\n`);
}

const callers = order.modes.map((mode) => [mode, caller(mode, order)] as const);
const timers: NodeJS.Timeout[] = [];
for (const [mode, from] of callers) {
  for (const [kind, perSecond] of Object.entries(order.perSecond) as [CallKind, number][]) {
    if (perSecond === 0 || (mode === "stock" && kind === "generate")) continue;
    const begin = () => {
      const made = call(from, mode, kind).finally(() => pending.delete(made));
      pending.add(made);
    };
    timers.push(setInterval(begin, 1_000 / perSecond));
  }
}

async function finish(): Promise<void> {
  for (const timer of timers) clearInterval(timer);
  await Promise.all(pending);
  for (const [, from] of callers) await from.close();
  history.end();
  await once(history, "finish");
  console.log(`${numberOfCalls} calls`);
  process.exit(0);
}

process.once("SIGTERM", () => void finish());
console.log("calling");
