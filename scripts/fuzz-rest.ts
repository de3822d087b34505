/**
 * Asks a director for everything that its OpenAPI document has, rightly and wrongly (test/support/rest-fuzz). Fails if it answers with a
 * fault of its own, with what its document does not allow, or changes something because of a request that it refused.
 *
 * Run: make fuzz-rest [REQUESTS=10000] [SEED=n]
 */
import { parseArgs } from "node:util";
import { fuzzRest } from "../test/support/rest-fuzz/rest-fuzz";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { requests: { type: "string", default: "10000" }, seed: { type: "string" } },
  });
  const seed = values.seed === undefined ? Date.now() % 0x4000_0000 : Number(values.seed);
  const { requests, statuses, findings } = await fuzzRest({ seed, requests: Number(values.requests) });
  for (const finding of findings) console.error(`\n${finding}`);
  const counted = Object.entries(statuses).map(([status, count]) => `${count} x ${status}`);
  console.log(`\nfuzz-rest: SEED=${seed}, ${requests} requests (${counted.join(", ")}), ${findings.length} findings`);
  if (findings.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
