import { join } from "node:path";
import type { FabricClient } from "../../../src/client/fabric-client";
import type { FabricError } from "../../../src/core/errors";
import type { ResumePosition } from "../../../src/core/resume-position";
import { type Random, seededRandom } from "../../../src/core/random";
import type { TypedClient } from "../../../src/rpc/service/typed-client";
import type { ServiceDefinition } from "../../../src/rpc/service/service-definition";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";
import { loadProtoContract } from "../../../src/wire/proto-contract";
import { mountProtoServices } from "../../../src/wire/proto-service";
import { protoDefinition } from "../../support/proto-definition";
import { numbers } from "../../support/resumable/numbers.js";

const PROTO = join(__dirname, "../../support/resumable/numbers.proto");
const CONTRACT = loadProtoContract({ files: [PROTO] });
const NUMBERS = protoDefinition(PROTO);

interface Numbered {
  readonly value: number;
  readonly sum: number;
}

const WORKERS = ["w1", "w2", "w3"];
const DIRECTORS = ["d1", "d2"];
const ADDRESSES = DIRECTORS.map((name) => `${name}:61000`);

/** Directors and workers of the numbers, which can be killed and started again. */
class Fleet {
  readonly cluster: MemoryCluster;
  readonly random: Random;

  constructor(cluster: MemoryCluster, seed: number) {
    this.cluster = cluster;
    this.random = seededRandom(seed);
  }

  static async open(seed: number): Promise<Fleet> {
    const fleet = new Fleet(await MemoryCluster.open(seed), seed);
    const { cluster } = fleet;
    const directors: RunningDirector[] = [];
    for (const name of DIRECTORS) directors.push(await cluster.director(name));
    for (const name of WORKERS) await fleet.worker(name);
    for (const director of directors) await cluster.untilReady(director, WORKERS);
    return fleet;
  }

  async worker(name: string): Promise<void> {
    const { clock } = this.cluster.network.host(name);
    const handlers = numbers((pauseMs, signal) => clock.sleep(pauseMs, signal));
    const services = mountProtoServices(CONTRACT.services, handlers);
    const { descriptorSet: descriptors } = CONTRACT;
    await this.cluster.worker(name, ADDRESSES, { services, serves: "given", descriptors });
  }

  /** Kills one and starts it again, at random times. */
  async kill(name: string): Promise<void> {
    await this.cluster.clock.advance(this.random.below(400));
    await this.cluster.crash(name);
    await this.cluster.clock.advance(100 + this.random.below(2_000));
    if (DIRECTORS.includes(name)) await this.cluster.director(name);
    else await this.worker(name);
  }
}

/** The stream as a caller sees it: its numbers, then how it ended. */
async function read(stream: AsyncIterable<Numbered>): Promise<{ numbers: readonly Numbered[]; error?: FabricError }> {
  const seen: Numbered[] = [];
  try {
    for await (const each of stream) seen.push(each);
    return { numbers: seen };
  } catch (error) {
    return { numbers: seen, error: error as FabricError };
  }
}

const clientOf = (client: FabricClient) =>
  client.client(NUMBERS) as unknown as TypedClient<ServiceDefinition> &
    Record<"count" | "sum" | "double" | "plain", (request: unknown, options?: object) => AsyncIterable<Numbered>>;

const upTo = (to: number) => Array.from({ length: to }, (_, index) => index + 1);
const valuesOf = ({ numbers: seen }: { readonly numbers: readonly Numbered[] }) => seen.map(({ value }) => value);

describe("Streams that survive", () => {
  let fleet: Fleet;

  afterEach(async () => {
    await fleet.cluster.close();
  });

  it.each([
    ["direct", "workers", 1],
    ["proxy", "workers", 2],
    ["proxy", "directors", 3],
    ["direct", "both", 4],
    ["proxy", "both", 5],
    ["auto", "both", 6],
  ] as const)(
    "R-06 in %s mode, while %s are killed, every caller gets each message once, in order",
    async (mode, victims, seed) => {
      fleet = await Fleet.open(seed);
      const { cluster, random } = fleet;
      const client = cluster.client(ADDRESSES, { mode });
      await cluster.outcome(client.whenReady());
      const calls = clientOf(client);
      const streams = upTo(8).map((index) =>
        read(
          index % 2 === 0 ? calls.count({ to: 60, pauseMs: 50 + index }) : calls.sum({ to: 60, pauseMs: 50 + index }),
        ),
      );
      const names = { workers: WORKERS, directors: DIRECTORS, both: [...WORKERS, ...DIRECTORS] }[victims];
      for (let kill = 0; kill < 5; kill += 1) await fleet.kill(names[random.below(names.length)]!);
      const results = await cluster.outcome(Promise.all(streams), 120_000);
      for (const [index, result] of results.entries()) {
        expect([index, result.error, valuesOf(result)]).toEqual([index, undefined, upTo(60)]);
        const sums = index % 2 === 0 ? upTo(60).map((n) => (n * (n + 1)) / 2) : upTo(60).map(() => 0);
        expect(result.numbers.map(({ sum }) => sum)).toEqual(sums);
      }
    },
  );

  it("requests that are a stream are sent again, and an answer that begins anew is cut where the caller is", async () => {
    fleet = await Fleet.open(7);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "proxy" });
    await cluster.outcome(client.whenReady());
    const stream = read(clientOf(client).double(upTo(50).map((value) => ({ value }))));
    for (const name of WORKERS) await fleet.kill(name);
    expect(valuesOf(await cluster.outcome(stream))).toEqual(upTo(50).map((value) => 2 * value));
  });

  it("a slow reader loses nothing", async () => {
    fleet = await Fleet.open(8);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "proxy" });
    await cluster.outcome(client.whenReady());
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { value } of clientOf(client).count({ to: 100, pauseMs: 1 })) {
        seen.push(value);
        await cluster.clock.sleep(40);
      }
    })();
    for (const name of WORKERS) await fleet.kill(name);
    await cluster.outcome(reading);
    expect(seen).toEqual(upTo(100));
  });

  it("a status of the handler ends it at once, with the number of the last message", async () => {
    fleet = await Fleet.open(9);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "proxy" });
    await cluster.outcome(client.whenReady());
    const result = await cluster.outcome(read(clientOf(client).count({ to: 9, pauseMs: 1, failAt: 5 })));
    expect([valuesOf(result), result.error?.statusName, result.error?.sequence]).toEqual([upTo(4), "OUT_OF_RANGE", 4]);
    expect(result.error?.message).toBe("[REMOTE] no such number");
  });

  it("a stream that did not opt in fails, and the error says how many messages came", async () => {
    fleet = await Fleet.open(10);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "direct" });
    await cluster.outcome(client.whenReady());
    const stream = read(clientOf(client).plain({ to: 100, pauseMs: 50 }));
    for (const name of WORKERS) await fleet.kill(name);
    const { numbers: seen, error } = await cluster.outcome(stream);
    expect([error?.code, error?.sequence]).toEqual(["WORKER_LOST", seen.length]);
    expect(error?.message).toContain(`(after ${seen.length} message`);
  });

  it("a new program goes on with the position and the checkpoint of the one before", async () => {
    fleet = await Fleet.open(11);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "proxy" });
    await cluster.outcome(client.whenReady());
    let resume: ResumePosition = { afterSequence: 0, checkpoint: new Uint8Array(), checkpointSequence: 0 };
    const onCheckpoint = (checkpoint: Uint8Array, checkpointSequence: number) => {
      resume = { ...resume, checkpoint, checkpointSequence };
    };
    const first: Numbered[] = [];
    const stop = async () => {
      for await (const each of clientOf(client).sum({ to: 20, pauseMs: 1 }, { onCheckpoint })) {
        first.push(each);
        if (first.length === 11) return;
      }
    };
    await cluster.outcome(stop());
    // What came after the last that was read counts for nobody.
    expect(resume.checkpointSequence).toBeGreaterThanOrEqual(9);
    const checkpointSequence = Math.min(resume.checkpointSequence, 11);
    expect(checkpointSequence).toBe(resume.checkpointSequence);
    const second = await cluster.outcome(
      read(clientOf(client).sum({ to: 20, pauseMs: 1 }, { resume: { ...resume, afterSequence: 11 } })),
    );
    const all = [...first, ...second.numbers];
    expect(all.map(({ value, sum }) => [value, sum])).toEqual(upTo(20).map((n) => [n, (n * (n + 1)) / 2]));
  });

  it("what cannot be resumed says so: a position for a method that is not, and one that is none", async () => {
    fleet = await Fleet.open(12);
    const client = fleet.cluster.client(ADDRESSES, { mode: "proxy" });
    const calls = clientOf(client);
    const resume = { afterSequence: 3 };
    expect(() => calls.plain({ to: 5 }, { resume })).toThrow("resume is given, and /numbers.v1.Numbers/Plain is not");
    expect(() => calls.count({ to: 5 }, { resume: { afterSequence: 1.5 } })).toThrow('heddle-resume-after is "1.5"');
  });

  it("no worker left within the window ends it with STREAM_LOST, with the number of the last message", async () => {
    fleet = await Fleet.open(13);
    const { cluster } = fleet;
    const client = cluster.client(ADDRESSES, { mode: "proxy" });
    await cluster.outcome(client.whenReady());
    const stream = read(clientOf(client).count({ to: 1_000, pauseMs: 50 }));
    await cluster.clock.advance(500);
    for (const name of WORKERS) await cluster.crash(name);
    const { numbers: seen, error } = await cluster.outcome(stream, 120_000);
    expect([error?.code, error?.sequence]).toEqual(["STREAM_LOST", seen.length]);
    expect(valuesOf({ numbers: seen })).toEqual(upTo(seen.length));
  });
});
