import { connect } from "../../src/api/client";
import { createDirector } from "../../src/api/director";
import { createWorker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { ComputeServiceDefinition } from "../../src/wire/contract";

const QUIET = { env: {}, logger: SILENT_LOGGER };

describe("A director, workers and a client on real sockets in one process", () => {
  it.each(["direct", "proxy"] as const)("answers calls in mode %s, and stops without a trace", async (mode) => {
    const director = await createDirector({ ...QUIET, listenAddress: "127.0.0.1:0", dataDir: "memory" });
    await director.start();
    const workers = ["w1", "w2"].map((label) =>
      createWorker({ ...QUIET, label, listenAddress: "127.0.0.1:0", directors: [director.address] }),
    );
    const attached = workers.map((worker) => worker.whenAttached());
    for (const worker of workers) await worker.start();
    await Promise.all(attached);
    const client = connect({ ...QUIET, directors: [director.address], mode });
    const compute = client.client(ComputeServiceDefinition);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => compute.execute({ task: "echo", input: Buffer.from(String(index)) })),
    );
    expect(answers.map(({ output }) => output.toString())).toEqual(answers.map((_, index) => String(index)));
    expect(new Set(answers.map(({ workerLabel }) => workerLabel)).size).toBeGreaterThan(0);

    const abort = new AbortController();
    const cancelled = Array.from({ length: 20 }, () =>
      compute
        .execute({ task: "sleep", parameters: new Map([["ms", "20000"]]) }, { signal: abort.signal })
        .catch((error: { code: string }) => error.code),
    );
    const inFlight = () => workers.reduce((sum, worker) => sum + worker.inFlight, 0);
    const until = async (count: number) => {
      while (inFlight() !== count) await new Promise((resolve) => setImmediate(resolve));
    };
    await until(20);
    abort.abort();
    expect(new Set(await Promise.all(cancelled))).toEqual(new Set(["CANCELLED"]));
    await until(0);

    await client.close();
    await Promise.all(workers.map((worker) => worker.stop({ graceMs: 1_000 })));
    await director.stop({ graceMs: 1_000 });
    expect(inFlight()).toBe(0);
  });
});
