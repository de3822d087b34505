import { setTimeout as wait } from "node:timers/promises";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store";
import { MemoryJournal } from "../../../src/store/embedded/memory-journal";
import { storeConformance } from "../../conformance/store";
import { eventually } from "../../conformance/store-harness";
import { FaultyStore } from "../../../src/testing/faulty-store";

const FAULTS = { refuseRatio: 0.1, loseAnswerRatio: 0.1, cutRatio: 0.2, delayMaxMs: 2 };

let seed = 0;

storeConformance("a store on a bad day", async () => {
  seed += 1;
  const random = seededRandom(seed);
  const journal = new MemoryJournal();
  const open = async () => {
    const inner = await EmbeddedStore.open({ journal, clock: systemClock, random, logger: SILENT_LOGGER });
    return new FaultyStore(inner, { clock: systemClock, random, faults: FAULTS });
  };
  const opened = [await open()];
  const reopen = async () => {
    await opened.at(-1)!.close();
    const store = await open();
    opened.push(store);
    return store;
  };
  return {
    store: opened[0]!,
    ttlMs: 1_000,
    eventually,
    elapse: (durationMs) => wait(durationMs),
    ownerDies: reopen,
    storeCrashes: reopen,
    dispose: async () => {
      for (const store of opened) await store.close();
    },
  };
});
