import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { openStore } from "../../../src/store/open-store";
import { storeConformance } from "../../conformance/store";
import { eventually } from "../../conformance/store-harness";

storeConformance("the embedded store on disk", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "heddle-store-"));
  const parts = { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER };
  const open = () => openStore({ engine: "embedded", dataDir }, parts);
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
      await rm(dataDir, { recursive: true });
    },
  };
});
