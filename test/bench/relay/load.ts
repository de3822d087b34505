import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineTimes, cpuUsOf } from "../measure/process-cpu";
import { spawnOn, type RunningProxy, type Stage } from "./contestants";
import { answerBytes, type CallShape } from "./echo-contract";
import { quantile } from "../measure/statistics";

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly streams: number;
  readonly shape: CallShape;
  readonly tls: boolean;
}

/** What one block of calls showed. */
export interface Block {
  readonly calls: number;
  /** Of the proxy; NaN where there is none. */
  readonly cpuUsPerCall: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Share of the machine's time that the hypervisor gave to others. */
  readonly stolenRatio: number;
  /** "" when every call was answered in full. */
  readonly failure: string;
}

const PATIENCE_MS = 120_000;

/** Sends `calls` calls of the row's shape with h2load, and reads the proxy's CPU time before and after. */
export async function runBlock(stage: Stage, proxy: RunningProxy, row: Row, calls: number): Promise<Block> {
  const { connections, streams, shape } = row;
  const bodyFile = join(stage.folder, `${row.name}.body`);
  const logFile = join(stage.folder, "h2load.log");
  writeFileSync(bodyFile, shape.message);
  writeFileSync(logFile, "");
  const command = [
    ...["h2load", `-n${calls}`, `-c${Math.min(connections, calls)}`, `-m${streams}`, "-t1", `--data=${bodyFile}`],
    ...["-H", "content-type: application/grpc", "-H", "te: trailers", `--log-file=${logFile}`],
    `${row.tls ? "https" : "http"}://${proxy.address}${shape.path}`,
  ];

  const machineBefore = machineTimes();
  const cpuBefore = proxy.pid === undefined ? Number.NaN : cpuUsOf(proxy.pid);
  const load = await spawnOn(stage.processes, stage.cores.others, "h2load", command);
  await load.whenExited(PATIENCE_MS);
  const cpuUs = proxy.pid === undefined ? Number.NaN : cpuUsOf(proxy.pid) - cpuBefore;
  const machineAfter = machineTimes();

  const succeeded = numberIn(load.output, /, (\d+) succeeded,/);
  const dataBytes = numberIn(load.output, /\((\d+)\) data/);
  const latenciesUs = readFileSync(logFile, "latin1")
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split("\t")[2]))
    .sort((a, b) => a - b);
  return {
    calls,
    cpuUsPerCall: cpuUs / calls,
    callsPerSecond: numberIn(load.output, /, ([\d.]+) req\/s/),
    p50Us: quantile(latenciesUs, 0.5),
    p99Us: quantile(latenciesUs, 0.99),
    stolenRatio:
      (machineAfter.stolenTicks - machineBefore.stolenTicks) / (machineAfter.totalTicks - machineBefore.totalTicks),
    // h2load does not read grpc-status. But a call that fails has no message in its answer, so the bytes tell.
    failure:
      succeeded === calls && dataBytes === calls * answerBytes(shape)
        ? ""
        : `${succeeded} of ${calls} calls were answered, with ${dataBytes} of ${calls * answerBytes(shape)} bytes`,
  };
}

function numberIn(output: string, pattern: RegExp): number {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`h2load said nothing like ${String(pattern)}:\n${output}`);
  return Number(found);
}
