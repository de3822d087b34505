import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store";
import { MemoryJournal } from "../../../src/store/embedded/memory-journal";
import { storeConformance } from "../../conformance/store";
import { eventually } from "../../conformance/store-harness";
import { ManualClock } from "../../../src/testing/manual-clock";

storeConformance("the embedded store in memory", async () => {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const open = () => EmbeddedStore.open({ journal, clock, random: seededRandom(1), logger: SILENT_LOGGER });
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
    eventually: (claim, withinMs, condition) => eventually(claim, withinMs, condition, () => clock.advance(50)),
    elapse: (durationMs) => clock.advance(durationMs),
    ownerDies: reopen,
    storeCrashes: reopen,
    dispose: async () => {
      for (const store of opened) await store.close();
      expect(clock.pendingTimers).toBe(0);
    },
  };
});
