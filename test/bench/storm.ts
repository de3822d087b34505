/**
 * What a storm of cancelled calls does to the calls beside it, and what it costs: a director, one worker (a plain server of grpc-js, or
 * one of ours with --own), clients that begin and cancel calls at a rate, and beside them unary calls and streams that must not fail.
 * Cancels are paced on the wall clock, so on a busy machine "perSecond" tells what was reached; CPU is that of the processes.
 *
 * Run: npm run build && node dist/test/bench/storm.js [--seconds 10] [--rate 10000] [--clients 1] [--moments 0,1,2,3,4] [--chats 50]
 *   [--same] [--own] [--log]. --same makes the innocent calls on a connection that cancels.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadProtoContract } from "../../src/wire/proto-contract";
import { eventually, freeAddress, Processes, type Environment, type RunningProcess } from "../support/processes";
import { MOMENTS, StormClient, type CancelMoment } from "../support/storm/storm-client";
import { STORM_PROTO } from "../support/storm/storm-proto";
import { cpuUsOf } from "./measure/process-cpu";

const FOLDER = resolve("test/e2e/storm");
const BIN = join(__dirname, "../../src/bin");

function heddle(processes: Processes, program: string, options: { name?: string; args?: string[]; env: Environment }) {
  return processes.spawn(process.execPath, {
    name: program,
    ...options,
    args: [join(BIN, `${program}.js`), ...(options.args ?? [])],
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      rate: { type: "string", default: "10000" },
      moments: { type: "string", default: "all" },
      clients: { type: "string", default: "1" },
      chats: { type: "string", default: "50" },
      same: { type: "boolean", default: false },
      own: { type: "boolean", default: false },
      log: { type: "boolean", default: false },
    },
  });
  const moments: readonly CancelMoment[] =
    values.moments === "all" ? MOMENTS : values.moments.split(",").map((index) => MOMENTS[Number(index)]!);
  const processes = new Processes();
  try {
    const director = await heddle(processes, "heddle-director", {
      env: { DIRECTOR_ADDR: "127.0.0.1:0", LOG_LEVEL: "info" },
    });
    const address = /127\.0\.0\.1:\d+/.exec(await director.whenLogs("Director ready - listening on"))![0];
    const target = await freeAddress();
    const proto = join(await processes.folder, "storm.proto");
    writeFileSync(proto, STORM_PROTO);
    let worker: RunningProcess;
    if (values.own) {
      worker = await heddle(processes, "heddle", {
        name: "worker",
        args: ["worker", "--proto", proto, "--handlers", join(FOLDER, "storm.js")],
        env: { WORKER_LABEL: "storm", WORKER_ADDR: target, DIRECTOR_ADDR: address },
      });
    } else {
      worker = await processes.spawn(process.execPath, {
        name: "server",
        args: [join(FOLDER, "storm-server.js"), target, proto],
      });
      await worker.whenLogs("listening on");
      const descriptors = join(await processes.folder, "storm.binpb");
      writeFileSync(descriptors, loadProtoContract({ files: [proto] }).descriptorSet);
      await heddle(processes, "heddle", {
        args: ["attach", "--target", target, "--descriptors", descriptors, "--services", "storm.v1.StormService"],
        env: { DIRECTOR_ADDR: address, WORKER_LABEL: "storm" },
      });
    }
    await director.whenLogs("status: 1 workers available");
    const mark = director.mark();

    const seconds = Number(values.seconds);
    const stormers = Array.from({ length: Number(values.clients) }, () => new StormClient(address));
    const calm = values.same ? stormers[0]! : new StormClient(address);
    await eventually("the calm client is answered", async () => (await calm.echo()) === "");
    const endAt = performance.now() + seconds * 1_000;
    const failures = new Map<string, number>();
    let echoes = 0;
    let says = 0;
    const note = (verdict: string) => {
      if (verdict !== "") failures.set(verdict, (failures.get(verdict) ?? 0) + 1);
    };
    let busy = 0;
    let turn = 0;
    const startedAt = performance.now();
    let issued = 0;
    const pace = setInterval(() => {
      for (const client of stormers) client.cancelBegun();
      const due = Math.min(2_000, ((performance.now() - startedAt) / 1_000) * Number(values.rate) - issued);
      for (let count = 0; count < due; count += 1) {
        turn += 1;
        if (!stormers[turn % stormers.length]!.cancel(moments[turn % moments.length]!)) busy += 1;
        issued += 1;
      }
    }, 2);
    const unary = async () => {
      while (performance.now() < endAt) {
        note(await calm.echo());
        echoes += 1;
        if (calm.lost !== "") return;
      }
    };
    const chats = Number(values.chats);
    const chatting = async (index: number) => {
      await new Promise((wake) => setTimeout(wake, (index * seconds * 1_000) / chats));
      const chat = calm.chat();
      while (performance.now() < endAt) {
        const verdict = await chat.say();
        note(verdict);
        if (verdict !== "") return;
        says += 1;
        await new Promise((wake) => setTimeout(wake, 50));
      }
      note(await chat.end());
    };
    const port = Number(target.split(":")[1]);
    let connectionsMax = 0;
    let rssMax = 0;
    const watch = setInterval(() => {
      connectionsMax = Math.max(connectionsMax, connectionsTo(port));
      rssMax = Math.max(rssMax, rssOf(director.pid));
    }, 50);
    const cpu0 = [cpuUsOf(director.pid), cpuUsOf(worker.pid)];
    await Promise.all([
      ...Array.from({ length: 8 }, unary),
      ...Array.from({ length: chats }, (_, index) => chatting(index)),
    ]);
    clearInterval(pace);
    const tookMs = performance.now() - startedAt;
    const cpu1 = [cpuUsOf(director.pid), cpuUsOf(worker.pid)];
    await new Promise((wake) => setTimeout(wake, 1_500));
    clearInterval(watch);
    const cancelled = stormers.reduce((sum, each) => sum + each.cancelled, 0);
    console.log(
      JSON.stringify(
        {
          cancelled,
          perSecond: Math.round((cancelled * 1_000) / tookMs),
          busy,
          endedBefore: stormers.map((each) => each.endedBefore),
          lost: [...stormers, calm].map((each) => each.lost),
          echoes,
          says,
          failures: Object.fromEntries(failures),
          connectionsMax,
          connectionsNow: connectionsTo(port),
          rssMaxMiB: Math.round(rssMax / 1024),
          workerRssMiB: Math.round(rssOf(worker.pid) / 1024),
          directorCpuPerSecond: Math.round((cpu1[0]! - cpu0[0]!) / tookMs) / 10 + " %",
          workerCpuPerSecond: Math.round((cpu1[1]! - cpu0[1]!) / tookMs) / 10 + " %",
        },
        undefined,
        1,
      ),
    );
    const lines = director.lines.slice(mark);
    if (values.log) console.log(lines.slice(0, 40).join("\n"));
    console.log(`director wrote ${lines.length} lines`);
    for (const each of [...stormers, calm]) each.close();
  } finally {
    await processes.stopAll();
  }
}

function connectionsTo(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "latin1").split("\n");
  return lines.filter((line) => new RegExp(`^ *\\d+: \\w+:\\w+ \\w+:${hex} 01`).test(line)).length;
}

function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
