/**
 * What an idle connection and an idle call cost a server in memory: the echo servers of `make bench-ends` with 10,000 of each.
 *
 * - unused: connections on which settings were exchanged and nothing else.
 * - used: connections on which calls were made one after another, none is under way.
 * - streams: bidi calls that are open, each after one message and its answer, 100 on a connection.
 *
 * Method: each figure has a server process of its own and its peers in another. It is the growth of the server's resident memory (and
 * of heap and buffers, as the server counts them after collecting garbage) from before they were opened, by their number. Before that
 * the server has warmed up with a hundred connections that stay. For streams their connections are open before. Buffers of the
 * kernel are not in it. Medians of the rounds.
 *
 * Run: make bench-ends-memory, or node dist/test/bench/ends-memory.js [--count 10000] [--rounds 3] [--quick]. Linux only; needs as many
 * open files per process as connections and a few hundred (ulimit -n). The last line is one JSON object: bytes each.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Processes, type RunningProcess } from "../support/processes";
import { buildGoEnds } from "./ends/go-ends";
import type { IdleOrder } from "./ends/idle-client";
import { LineProcess } from "./measure/line-process";
import { memoryOf } from "./measure/process-memory";
import { median } from "./measure/statistics";
import { spawnOn } from "./relay/contestants";

const PHASES = ["unused", "used", "streams"] as const;
type Phase = (typeof PHASES)[number];

const TITLES: Readonly<Record<Phase, string>> = {
  unused: "a connection that was never used",
  used: "a connection after calls",
  streams: "an open call after a message",
};

const GO = "grpc-go";

/** They are there before the first reading, and streams are spread over them. */
const STANDING_CONNECTIONS = 100;
const WARM_UP_CALLS = 20;
const CALLS_PER_CONNECTION = 3;
/** Files of a process beyond its connections. */
const OTHER_FILES = 300;

/** Bytes for each connection or stream. */
interface Cost {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** After the server has collected its garbage. */
async function memoryNow(server: RunningProcess): Promise<Cost> {
  const from = server.mark();
  server.signal("SIGUSR2");
  const line = await server.whenLogs(/^heap \d+$/, { from });
  return { rssBytes: memoryOf(server.pid).rssMb * 2 ** 20, heapBytes: Number(line.split(" ")[1]) };
}

async function measure(kind: string, phase: Phase, count: number, go: string | undefined): Promise<Cost> {
  const processes = new Processes();
  let peers: LineProcess | undefined;
  try {
    const node = [process.execPath, "--expose-gc", join(__dirname, "ends/server.js"), kind];
    const server = await spawnOn(processes, undefined, kind, kind === GO ? [go!, "server"] : node);
    const listening = await server.whenLogs("listening at");
    const address = listening.slice(listening.lastIndexOf(" ") + 1);
    const client = new LineProcess("the idle client", [
      process.execPath,
      join(__dirname, "ends/idle-client.js"),
      address,
    ]);
    peers = client;
    const order = (what: IdleOrder) => client.ask(JSON.stringify(what));
    await order({ connections: STANDING_CONNECTIONS });
    await order({ calls: WARM_UP_CALLS });
    const before = await memoryNow(server);
    if (phase === "streams") await order({ streams: count / STANDING_CONNECTIONS });
    else await order({ connections: count });
    if (phase === "used") await order({ calls: CALLS_PER_CONNECTION });
    const after = await memoryNow(server);
    return {
      rssBytes: (after.rssBytes - before.rssBytes) / count,
      heapBytes: (after.heapBytes - before.heapBytes) / count,
    };
  } finally {
    peers?.end();
    await processes.stopAll();
  }
}

/** @throws Error that says what to do, when so many connections cannot be open */
function checkFilesMax(count: number): void {
  const needed = count + OTHER_FILES;
  // Node and Go raise the soft limit to the hard one by themselves.
  const hard = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
  if (hard === undefined || hard === "unlimited" || Number(hard) >= needed) return;
  throw new Error(
    `${count} connections need ${needed} open files in the server's process and as many in the client's, but no process here may have more than ${hard}: raise the hard limit (ulimit -Hn ${needed}, as root), or take fewer (--count ${Number(hard) - OTHER_FILES})`,
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
    },
  });
  const count = Number(values.count ?? (values.quick ? 2_000 : 10_000));
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(count / STANDING_CONNECTIONS) || count <= 0) {
    throw new Error(`--count ${values.count}: take a multiple of ${STANDING_CONNECTIONS}`);
  }
  checkFilesMax(count);
  const go = buildGoEnds();
  const kinds = ["engine", "grpc-js", "node-http2", ...(go === undefined ? [] : [GO])];
  console.log(`Node ${process.version}; ${count} of each on one server, medians of ${rounds} rounds, KiB each`);
  const figures: Record<string, Record<string, object>> = {};
  for (const phase of PHASES) {
    const costs = new Map<string, Cost[]>(kinds.map((kind) => [kind, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
        costs.get(kind)!.push(await measure(kind, phase, count, go));
      }
    }
    console.log(
      `\n${TITLES[phase].padEnd(42)}${"resident".padStart(10)}${"heap".padStart(10)}${"resident of all".padStart(20)}`,
    );
    for (const [kind, all] of costs) {
      const rssBytes = Math.round(median(all.map((cost) => cost.rssBytes)));
      const heapBytes = Math.round(median(all.map((cost) => cost.heapBytes)));
      const kib = (bytes: number) => (bytes / 1_024).toFixed(1).padStart(10);
      const allMb = `${((rssBytes * count) / 2 ** 20).toFixed(0)} MiB`;
      console.log(`${kind.padEnd(42)}${kib(rssBytes)}${kib(heapBytes)}${allMb.padStart(20)}`);
      (figures[phase] ??= {})[kind] = { rssBytes, heapBytes };
    }
  }
  console.log(JSON.stringify({ endsMemory: figures }));
}

// Leaving in order ends the other processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
