import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { createWorker, rawDefinition, service, type Worker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { PortClient } from "../support/port-client";
import { eventually } from "../support/processes";

const Definition = rawDefinition("test.Load", { answer: {}, count: { responseStream: true } });
const BYTES = (bytes: Buffer) => bytes;
const CALLERS = 16;
/** Of a stream: some turns of the loop each. */
const ANSWERS = 20;

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function start(transport: "engine" | "grpc-js"): Promise<Worker> {
  const worker = createWorker({
    env: {},
    logger: SILENT_LOGGER,
    transport,
    listenAddress: "127.0.0.1:0",
    directors: ["127.0.0.1:1"],
    services: [
      service(Definition, {
        answer: async (request) => {
          await turn();
          return request;
        },
        async *count() {
          for (let count = 0; count < ANSWERS; count += 1) {
            await turn();
            yield Buffer.of(count);
          }
        },
      }),
    ],
  });
  await worker.start();
  return worker;
}

describe.each(["engine", "grpc-js"] as const)("A worker on %s that stops under load", (transport) => {
  it("fails none of the calls of a client of grpc-js, which goes on with another worker", async () => {
    const [first, second] = [await start(transport), await start(transport)];
    // The first that can be reached, and the second when it goes away.
    const client = new Client(`ipv4:${first.address},${second.address}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const failures: string[] = [];
    const note = ({ code, details }: ServiceError) => failures.push(`${code} ${details}`);
    let [answered, counted, isOver] = [0, 0, false];

    async function askOn(): Promise<void> {
      while (!isOver && failures.length === 0) {
        await new Promise<void>((resolve) =>
          client.makeUnaryRequest("/test.Load/Answer", BYTES, BYTES, Buffer.of(1), (error) => {
            if (error) note(error);
            else answered += 1;
            resolve();
          }),
        );
      }
    }
    async function countOn(): Promise<void> {
      while (!isOver && failures.length === 0) {
        let seen = 0;
        const call = client.makeServerStreamRequest("/test.Load/Count", BYTES, BYTES, Buffer.of(1));
        await new Promise<void>((resolve) => {
          call.on("data", () => (seen += 1));
          call.on("error", note);
          call.on("close", resolve);
        });
        if (seen === ANSWERS) counted += 1;
        else failures.push(`${seen} of ${ANSWERS} answers`);
      }
    }
    const load = Array.from({ length: CALLERS }, () => [askOn(), countOn()]).flat();

    const whenBusy = (worker: Worker, moreCalls: number) => {
      const before = answered;
      const isBusy = () => answered > before + moreCalls && counted > 0 && worker.inFlight > 0;
      return eventually("the worker is busy", () => failures.length > 0 || isBusy());
    };
    await whenBusy(first, 200);
    await first.stop();
    await whenBusy(second, 200);
    isOver = true;
    await Promise.all(load);
    client.close();
    expect(failures).toEqual([]);
    await second.stop();
  });
});

describe("A worker that stops", () => {
  const path = "/test.Load/Count";

  it("serves what was on its way when it said goodbye, and says again which was the last", async () => {
    const worker = await start("engine");
    const caller = await PortClient.connect(worker.address);
    await caller.ready;
    const early = caller.call(path, [], false);
    await eventually("it has begun", () => worker.inFlight === 1);
    const stopped = worker.stop();
    // Sent before the goodbye was read, as far as the worker can know: the engine's client would not send it after.
    const late = caller.call(path, [], false);
    await caller.goaway;
    for (const { stream } of [early, late]) stream.sendData(Buffer.from([0, 0, 0, 0, 0]), 0, 5, true);
    expect(await Promise.all([early.ended, late.ended])).toMatchObject([
      { "grpc-status": "0" },
      { "grpc-status": "0" },
    ]);
    await stopped;
    expect(await caller.closed).toMatchObject({ message: "drained" });
  });

  it("ends what does not finish within its grace, and waits no longer", async () => {
    const worker = await start("engine");
    const caller = await PortClient.connect(worker.address);
    await caller.ready;
    const endless = caller.call(path, [], false);
    await eventually("it has begun", () => worker.inFlight === 1);
    await worker.stop({ graceMs: 50 });
    expect(await endless.ended).toMatchObject({ "grpc-status": "14", "heddle-error": "WORKER_LOST" });
  });
});
