/**
 * Breaks a real cluster in every way we know, under load, and checks that nothing is lost: three directors on an etcd of three members, six
 * workers, clients in every mode and one of grpc-js. See docs/chaos.md.
 *
 * Run: make chaos, or node dist/test/chaos/run.js [--minutes 5] [--seed 1] [--kinds "worker SIGKILL,director SIGSTOP"].
 * Exit code 1 when something was lost. The last line is one JSON object.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./chaos";
import { figures, printReport } from "./report";
import { isGood } from "./verdict";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string" },
    kinds: { type: "string" },
  },
});

async function main(): Promise<void> {
  // Another schedule each time, unless one is to be replayed.
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const folder = resolve(__dirname, "../../../.cache", join("chaos", `seed-${seed}`));
  console.log(`seed ${seed} (SEED=${seed} replays the faults), ${values.minutes} minutes, logs in ${folder}`);
  const report = await runChaos({
    ...{ folder, seed, directors: 3, workers: 6, heartbeatMs: 500 },
    durationMs: 60_000 * Number(values.minutes),
    clients: [
      ["proxy", "direct", "stock"],
      ["auto", "proxy"],
    ],
    perSecond: { read: 8, append: 5, count: 1, generate: 0.5 },
    ...(values.kinds ? { kinds: values.kinds.split(",") } : {}),
    say: (line) => console.log(line),
  });
  printReport(report, folder);
  if (!isGood(report.verdict)) process.exitCode = 1;
  console.log(JSON.stringify({ chaos: figures(report, seed) }));
}

// Leaving in order ends the processes too.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().catch((error: unknown) => {
  console.error(error);
  // Whatever is still open.
  process.exit(1);
});
