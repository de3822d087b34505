/**
 * Feeds both ends of src/rpc with what a hostile peer might say over valid HTTP/2, for as long as asked: messages whose prefixes lie,
 * compressed garbage and bombs, metadata of every kind, ends of every kind, in reads of any length, beside calls that keep to the
 * rules. Fails if a call ends twice or never, one of those beside it suffers, anything throws, is held or is open afterwards, or
 * memory grows. Every round is made from its own seed, which is printed when it fails.
 *
 * Run: make fuzz-rpc [SECONDS=60] [SEED=n]
 */
import { parseArgs } from "node:util";
import { attackServer } from "../test/support/rpc-fuzz/hostile-client";
import { attackClient } from "../test/support/rpc-fuzz/hostile-server";

const GROWTH_BYTES_MAX = 96 * 1_048_576;
const WARM_ROUNDS = 300;

async function round(seed: number): Promise<void> {
  await attackServer(seed);
  await attackClient(seed);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } } });
  if (values.seed !== undefined) {
    await round(Number(values.seed));
    console.log(`fuzz-rpc: seed ${values.seed} is fine`);
    return;
  }
  let seed = Date.now() % 0x4000_0000;
  const first = seed;
  const failed = (error: unknown) => {
    console.error(`fuzz-rpc: failed at SEED=${seed}`, error);
    process.exit(1);
  };
  process.on("uncaughtException", failed);
  for (let warm = 0; warm < WARM_ROUNDS; warm += 1) await round(seed++).catch(failed);
  const rssBefore = process.memoryUsage().rss;
  for (const endMs = Date.now() + Number(values.seconds) * 1_000; Date.now() < endMs; seed += 1) {
    await round(seed).catch(failed);
  }
  const grown = process.memoryUsage().rss - rssBefore;
  console.log(`fuzz-rpc: ${seed - first} rounds, nothing found; memory grew by ${(grown / 1_048_576).toFixed(1)} MiB`);
  if (grown > GROWTH_BYTES_MAX) throw new Error("memory grew");
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
