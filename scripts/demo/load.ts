import { performance } from "node:perf_hooks";

import { ComputeServiceDefinition, type FabricClient } from "../../src/api";
import { messageOf } from "../../src/core/errors";

/** What the clients of the demonstration saw. */
export class LoadReport {
  calls = 0;
  failedCalls = 0;
  streams = 0;
  failovers = 0;
  tokens = 0;
  tokensLost = 0;
  tokensRepeated = 0;
  readonly callsPerWorker = new Map<string, number>();
  readonly latenciesMs: number[] = [];
  readonly failures: string[] = [];

  percentileMs(percent: number): number {
    const sorted = [...this.latenciesMs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
  }
}

const TASKS = [
  { task: "echo", input: Buffer.from("hello") },
  { task: "sha256", input: Buffer.alloc(16 * 1024) },
  { task: "primes", parameters: new Map([["limit", "50000"]]) },
  { task: "mandelbrot", parameters: new Map(Object.entries({ width: "48", height: "48", iterations: "100" })) },
] as const;

/** Pause between the calls of one client: a steady load that leaves the machine to the cluster. */
const PAUSE_MS = 10;
const TOKENS_PER_STREAM = 100;

/** Executes one task after the other until `signal` aborts. */
export async function executeTasks(fabric: FabricClient, report: LoadReport, signal: AbortSignal): Promise<void> {
  const compute = fabric.client(ComputeServiceDefinition);
  for (let turn = 0; !signal.aborted; turn += 1) {
    const startedMs = performance.now();
    try {
      const answer = await compute.execute(TASKS[turn % TASKS.length] ?? TASKS[0]);
      report.callsPerWorker.set(answer.workerLabel, (report.callsPerWorker.get(answer.workerLabel) ?? 0) + 1);
    } catch (error) {
      report.failedCalls += 1;
      report.failures.push(messageOf(error));
    }
    report.calls += 1;
    report.latenciesMs.push(performance.now() - startedMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Reads one stream of tokens after the other until `signal` aborts, and checks that each is complete. */
export async function streamTokens(fabric: FabricClient, report: LoadReport, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    report.streams += 1;
    let last = 0n;
    try {
      const options = {
        prompt: "demo",
        maxTokens: TOKENS_PER_STREAM,
        tokenIntervalMs: 30,
        signal,
        onFailover: () => {
          report.failovers += 1;
        },
      };
      for await (const { sequence } of fabric.generate(options)) {
        if (sequence <= last) report.tokensRepeated += 1;
        else report.tokensLost += Number(sequence - last - 1n);
        last = sequence;
        report.tokens += 1;
      }
      report.tokensLost += TOKENS_PER_STREAM - Number(last);
    } catch (error) {
      if (signal.aborted) return;
      report.tokensLost += TOKENS_PER_STREAM - Number(last);
      report.failures.push(messageOf(error));
    }
  }
}
