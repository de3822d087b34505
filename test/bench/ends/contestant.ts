import type { LoadProcess } from "../measure/load-process";
import { cpuUsOf } from "../measure/process-cpu";
import { check } from "../relay/checking-client";
import type { RunningProxy, Stage } from "../relay/contestants";
import { runBlock } from "../relay/load";
import type { EndsRow } from "./rows";

/** What one block of calls showed. */
export interface Block {
  /** CPU time per call, by process of the contestant. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /** Of all of them together. */
  readonly cpuUsPerCall: number;
  readonly callsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** "" when every call was answered in full. */
  readonly failure: string;
}

type Load = Omit<Block, "cpuUs" | "cpuUsPerCall">;

/** Processes that are measured, and how they get calls to do. */
export interface Contestant {
  readonly name: string;
  /** By what they are. */
  readonly pids: Readonly<Record<string, number>>;
  load(row: EndsRow, calls: number): Promise<Load>;
  /** Makes a few calls and compares every byte. Resolves to what is wrong, or "". */
  check(row: EndsRow): Promise<string>;
}

export async function measureBlock({ pids, load }: Contestant, row: EndsRow, calls: number): Promise<Block> {
  const before = Object.entries(pids).map(([role, pid]) => [role, pid, cpuUsOf(pid)] as const);
  const outcome = await load(row, calls);
  const cpuUs = Object.fromEntries(before.map(([role, pid, beforeUs]) => [role, (cpuUsOf(pid) - beforeUs) / calls]));
  return { ...outcome, cpuUs, cpuUsPerCall: Object.values(cpuUs).reduce((sum, each) => sum + each, 0) };
}

/** A client that makes the calls itself. */
export function ofClient(name: string, client: LoadProcess, pids: Contestant["pids"]): Contestant {
  return {
    name,
    pids,
    load: (row, calls) => loadOf(client, row, calls),
    check: (row) => checkOf(client, row),
  };
}

/**
 * A server under h2load, or under `listener`, a client of ours, where h2load cannot do it: where the next message depends on an answer, or metadata differ.
 */
export function ofServer(
  name: string,
  server: RunningProxy & { pid: number },
  stage: Stage,
  listener: LoadProcess,
): Contestant {
  const isForListener = ({ shape, withMetadata }: EndsRow) => shape.kind === "chat" || withMetadata === true;
  const unmeasured = { ...server, pid: undefined };
  return {
    name,
    pids: { server: server.pid },
    load: (row, calls) => (isForListener(row) ? loadOf(listener, row, calls) : runBlock(stage, unmeasured, row, calls)),
    check: (row) => (isForListener(row) ? checkOf(listener, row) : check(name, server, row)),
  };
}

async function loadOf(client: LoadProcess, row: EndsRow, calls: number): Promise<Load> {
  const { shape, connections, streams, withMetadata = false } = row;
  const outcome = await client.run(shape, { concurrency: connections * streams, calls, withMetadata });
  return { ...outcome, callsPerSecond: (1_000 * calls) / outcome.wallMs };
}

async function checkOf(client: LoadProcess, row: EndsRow): Promise<string> {
  const { shape, connections, streams, withMetadata = false } = row;
  const concurrency = connections * streams;
  return (await client.run(shape, { concurrency, calls: concurrency, withMetadata, checked: true })).failure;
}
