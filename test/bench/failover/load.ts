/**
 * Idempotent calls at a constant pace, whatever becomes of them, until SIGTERM: an open loop, in which the time of a call counts from when it
 * was to begin. Prints a line for each that was slow or failed, and its totals in the end.
 */
import { ComputeServiceDefinition } from "../../../src/api/index";
import { connect } from "../../../src/api/client";
import { quantile } from "../measure/statistics";
import type { LoadOrder, LoadTotal, SlowCall } from "./load-order";

const TICK_MS = 5;

const order = JSON.parse(process.argv[2] ?? "{}") as LoadOrder;
const { directors, mode, callsPerSecond, timeoutMs, slowMs } = order;
const client = connect({ directors, mode, env: {} });
const compute = client.client(ComputeServiceDefinition);
const nowMs = () => performance.timeOrigin + performance.now();
const latenciesMs: number[] = [];
const pending = new Set<Promise<void>>();

async function call(intendedMs: number): Promise<void> {
  let failure = "";
  try {
    await compute.execute({ task: "echo" }, { timeoutMs });
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const latencyMs = nowMs() - intendedMs;
  latenciesMs.push(latencyMs);
  const slow: SlowCall = { intendedMs, latencyMs, failure };
  if (failure !== "" || latencyMs > slowMs) console.log(JSON.stringify(slow));
}

let timer: NodeJS.Timeout | undefined;

async function begin(): Promise<void> {
  await client.whenReady(ComputeServiceDefinition.fullName);
  const startMs = nowMs();
  let begun = 0;
  timer = setInterval(() => {
    for (; startMs + (1_000 * begun) / callsPerSecond <= nowMs(); begun += 1) {
      const made = call(startMs + (1_000 * begun) / callsPerSecond).finally(() => pending.delete(made));
      pending.add(made);
    }
  }, TICK_MS);
  console.log("calling");
}

async function finish(): Promise<void> {
  clearInterval(timer);
  await Promise.all(pending);
  await client.close();
  const sorted = Float64Array.from(latenciesMs).sort();
  const total: LoadTotal = {
    calls: sorted.length,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  };
  console.log(JSON.stringify({ total }));
}

process.once("SIGTERM", () => void finish());
void begin();
