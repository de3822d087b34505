/**
 * A worker under chaos: settings by environment, as any, and LEDGER_FILE, to which it appends the id of every call of Append before
 * it answers. Its argument is the contract's file.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { runWorker, service } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { systemClock } from "../../src/platform/system-clock";
import { loadProtoContract } from "../../src/wire/proto-contract";
import { inferenceService } from "../../src/worker/services/inference-service";
import { ChaosDefinition, COUNT_PAUSE_MS, COUNTED } from "./contract";

/** Appending is one write, and what was written outlives a killed process. */
const ledger = openSync(process.env["LEDGER_FILE"] ?? "", "a");

/** A call takes a little while, so that some are in flight whenever something happens. */
const CALL_MS = 5;

const chaos = service(ChaosDefinition, {
  read: async (id) => {
    await wait(CALL_MS);
    return id;
  },
  append: async (id) => {
    await wait(CALL_MS);
    writeSync(ledger, `${Buffer.from(id).toString()}\n`);
    return id;
  },
  async *count(_id, { signal }) {
    for (let number = 1; number <= COUNTED && !signal.aborted; number += 1) {
      yield Buffer.from(String(number));
      await wait(COUNT_PAUSE_MS);
    }
  },
});

const inference = inferenceService({
  ...{ clock: systemClock, logger: SILENT_LOGGER, label: process.env["WORKER_LABEL"] ?? "" },
  newConnectionId: randomUUID,
});

const [, , contract] = process.argv;
const inferenceContract = resolve(__dirname, "../../../proto/heddle/inference/v1/inference.proto");
const { descriptorSet } = loadProtoContract({ files: [contract!, inferenceContract] });

runWorker({ services: [chaos, inference], descriptors: descriptorSet }).then(
  () => closeSync(ledger),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
