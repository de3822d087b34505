/**
 * A process that writes to the store on disk as fast as it is acknowledged, prints the number of each write after its
 * acknowledgement, and kills itself with SIGKILL while more are under way. Arguments: the data folder, the first number, and
 * after how many acknowledgements it dies.
 */
import { join } from "node:path";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store";
import { LevelJournal } from "../../../src/store/embedded/level-journal";

async function main([dataDir, first, dieAfter]: readonly string[]): Promise<void> {
  const random = seededRandom(Number(first));
  // Not openStore, which loads the other engine too: the process is to be ready soon.
  const store = await EmbeddedStore.open({
    journal: new LevelJournal(join(dataDir!, "store")),
    clock: systemClock,
    random,
    logger: SILENT_LOGGER,
  });
  let next = Number(first);
  let acknowledgedCount = 0;
  const writeOn = async () => {
    for (;;) {
      const number = next++;
      await store.put(`n/${number}`, new TextEncoder().encode(String(number)));
      process.stdout.write(`${number}\n`);
      acknowledgedCount += 1;
      if (acknowledgedCount >= Number(dieAfter)) setImmediate(dieAtAnyMoment);
    }
  };
  const dieAtAnyMoment = () => {
    // Somewhere in the flush that the other writers wait for.
    const untilMs = performance.now() + random.unit() * 2;
    while (performance.now() < untilMs);
    process.kill(process.pid, "SIGKILL");
  };
  await Promise.all([writeOn(), writeOn(), writeOn(), writeOn()]);
}

void main(process.argv.slice(2));
