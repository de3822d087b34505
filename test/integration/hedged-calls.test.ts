import { FILE_DESCRIPTOR_SET } from "../../generated/descriptors";
import { connect } from "../../src/api/client";
import { createDirector } from "../../src/api/director";
import { createWorker, service } from "../../src/api/worker";
import type { FabricError } from "../../src/core/errors";
import { SILENT_LOGGER } from "../../src/core/logger";
import { ComputeServiceDefinition } from "../../src/wire/contract";

const QUIET = { env: {}, logger: SILENT_LOGGER };

describe.each(["direct", "proxy"] as const)("Hedged calls on real sockets, %s", (mode) => {
  it("the second worker answers for the first, which is told that nobody waits any more", async () => {
    const director = await createDirector({ ...QUIET, listenAddress: "127.0.0.1:0", dataDir: "memory" });
    await director.start();
    const begun: string[] = [];
    let isCancelled = false;
    const compute = (label: string) =>
      service(ComputeServiceDefinition, {
        execute: async (_request, { signal }) => {
          begun.push(label);
          // Whoever is first says nothing.
          if (begun.length === 1) {
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
            isCancelled = true;
          }
          return { workerLabel: label };
        },
        executeStream: async function* () {},
      });
    const workers = ["w1", "w2"].map((label) =>
      createWorker({
        ...QUIET,
        label,
        listenAddress: "127.0.0.1:0",
        directors: [director.address],
        services: [compute(label)],
        descriptors: FILE_DESCRIPTOR_SET,
      }),
    );
    const attached = workers.map((worker) => worker.whenAttached());
    await Promise.all(workers.map((worker) => worker.start()));
    await Promise.all(attached);
    const client = connect({ ...QUIET, directors: [director.address], mode });
    const probe = connect({ ...QUIET, directors: [director.address], mode: "direct" });
    while (probe.workers.length < 2 || (mode === "direct" && client.workers.length < 2)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answer = await client
      .client(ComputeServiceDefinition)
      .execute({ task: "echo" }, { hedge: { delayMs: 20 }, timeoutMs: 20_000 });
    expect([begun.length, new Set(begun).size, answer.workerLabel]).toEqual([2, 2, begun[1]]);
    while (!isCancelled) await new Promise((resolve) => setImmediate(resolve));
    const refused = await client
      .client(ComputeServiceDefinition)
      .execute({ task: "echo" }, { metadata: { "heddle-hedge": "soon" } })
      .catch((error: FabricError) => error.message);
    expect(refused).toMatch(/INVALID_ARGUMENT.* heddle-hedge is "soon"/);
    await Promise.all([client.close(), probe.close()]);
    await Promise.all(workers.map((worker) => worker.stop({ graceMs: 1_000 })));
    await director.stop({ graceMs: 1_000 });
  });
});
