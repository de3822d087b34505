/** A process with everything of the etcd store running, which closes it when told to, and must then end by itself. */
import { once } from "node:events";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { openStore } from "../../../src/store/open-store";

async function main([address, keyPrefix]: readonly string[]): Promise<void> {
  const store = await openStore(
    { engine: "etcd", endpoints: [address!], keyPrefix: keyPrefix! },
    { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER },
  );
  const session = await store.openSession({ ttlMs: 2_000 });
  await store.put("key", new Uint8Array([1]), session);
  const watching = (async () => {
    for await (const event of store.watch("", new AbortController().signal)) console.log(event.kind);
  })();
  await once(process.stdin, "data");
  void store.put("pending", new Uint8Array([1])).catch(() => {});
  await store.close();
  await watching;
  process.stdin.destroy();
  console.log("closed");
}

void main(process.argv.slice(2));
