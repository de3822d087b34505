import { setTimeout as wait } from "node:timers/promises";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { EtcdStore } from "../../../src/store/etcd/etcd-store";
import { storeConformance } from "../../conformance/store";
import { eventually } from "../../conformance/store-harness";
import { EtcdServer } from "../../support/etcd-server";

let server: EtcdServer;
let testCount = 0;

beforeAll(async () => {
  server = await EtcdServer.start();
});

afterAll(() => server.stop());

storeConformance("the etcd store", async () => {
  testCount += 1;
  const keyPrefix = `/test-${testCount}/`;
  const open = () =>
    new EtcdStore({
      endpoints: [server.address],
      keyPrefix,
      clock: systemClock,
      random: seededRandom(testCount),
      logger: SILENT_LOGGER,
    });
  const opened = [open()];
  return {
    store: opened[0]!,
    // The shortest that etcd has with its default election timeout.
    ttlMs: 2_000,
    eventually,
    elapse: (durationMs) => wait(durationMs),
    ownerDies: async () => {
      await opened.at(-1)!.close();
      const store = open();
      opened.push(store);
      return store;
    },
    storeCrashes: async () => {
      await server.restart();
      return opened.at(-1)!;
    },
    dispose: async () => {
      for (const store of opened) await store.close();
    },
  };
});
