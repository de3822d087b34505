import { join } from "node:path";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import type { FabricError } from "../../src/api/index";
import { Cluster, type Started, type StartOptions } from "../support/cluster";
import { protoDefinition } from "../support/proto-definition";

jest.setTimeout(90_000);

const FOLDER = join(__dirname, "../support/resumable");
const PROTO = join(FOLDER, "numbers.proto");
const NUMBERS = protoDefinition(PROTO);

/** Where handlers run, and over what: resumption is the same everywhere. */
const WORKERS: Readonly<Record<string, NonNullable<StartOptions["env"]>>> = {
  compressing: { HEDDLE_WORKER_COMPRESSION: "gzip" },
  threads: { WORKER_THREADS: "1" },
  "grpc-js": { HEDDLE_TRANSPORT: "grpc-js" },
};
const LABELS = Object.keys(WORKERS);

interface Numbered {
  readonly value: number;
  readonly sum: number;
}

type Numbers = Record<"count" | "sum", (request: unknown, options?: object) => AsyncIterable<Numbered>>;

const LENGTH = 150;
const REQUEST = { to: LENGTH, pauseMs: 30, paddingBytes: 2_000 };
const upTo = (to: number) => Array.from({ length: to }, (_, index) => index + 1);
const sumTo = (n: number) => (n * (n + 1)) / 2;

describe("Streams that survive, on real processes", () => {
  let cluster: Cluster;
  let stock: Client;
  const directors: Started[] = [];
  const workers = new Map<string, Started>();

  const startWorker = async (label: string) => {
    const { address } = workers.get(label) ?? {};
    const args = ["worker", "--proto", PROTO, "--handlers", join(FOLDER, "numbers.js")];
    const env = WORKERS[label]!;
    workers.set(label, await cluster.worker(label, { args, env, ...(address === undefined ? {} : { address }) }));
  };

  /** SIGKILL, and started again in place. */
  const killWorker = async (label: string) => {
    await workers.get(label)!.process.kill();
    await startWorker(label);
  };

  beforeAll(async () => {
    cluster = await Cluster.open("etcd");
    // One relays itself, one in processes of its own.
    for (const relays of ["1", "2"]) directors.push(await cluster.director({ env: { HEDDLE_RELAY_WORKERS: relays } }));
    for (const label of LABELS) await startWorker(label);
    stock = new Client(directors[1]!.address, credentials.createInsecure());
    await cluster.whenReady(cluster.connect(), LABELS);
  });

  afterAll(async () => {
    stock.close();
    await cluster.close();
  });

  it("R-06 kill -9 of workers and of a director: clients in three modes and a stock client see each message once", async () => {
    const clients = (["direct", "proxy", "auto"] as const).map((mode) => cluster.connect({ mode }));
    for (const client of clients) await client.whenReady();
    const ours = clients.flatMap((client) => {
      const calls = client.client(NUMBERS) as unknown as Numbers;
      return [read(calls.count(REQUEST)), read(calls.sum(REQUEST)), read(calls.count(REQUEST))];
    });
    // Through the director that lives.
    const others = [stockCall(stock, "Count"), stockCall(stock, "Sum")];
    for (const label of LABELS) await killWorker(label);
    const { process, address } = directors[0]!;
    await process.kill();
    directors[0] = await cluster.director({ address });
    for (const result of await Promise.all(ours)) {
      expect([result.error, result.numbers.map(({ value }) => value)]).toEqual([undefined, upTo(LENGTH)]);
    }
    for (const result of await Promise.all(others)) {
      expect([result.code, result.numbers.map(({ value }) => value)]).toEqual([0, upTo(LENGTH)]);
    }
    const sums = [...(await Promise.all(ours)).map(({ numbers }) => numbers), (await others[1]!).numbers].filter(
      ([first]) => first!.sum > 0,
    );
    expect(sums).toHaveLength(4);
    for (const numbers of sums) expect(numbers.map(({ sum }) => sum)).toEqual(upTo(LENGTH).map(sumTo));
    expect(workersIn(await Promise.all(others))).toBeGreaterThan(2);
  });

  it("a stock client goes on with `heddle-resume-after: 41`, whichever worker it comes to", async () => {
    await cluster.whenReady(cluster.connect(), LABELS);
    for (const label of LABELS) {
      const metadata = new Metadata();
      metadata.set("heddle-resume-after", "41");
      metadata.set("heddle-worker", label);
      const { code, numbers, headers } = await stockCall(stock, "Count", { to: 45, pauseMs: 1 }, metadata);
      expect([label, code, numbers.map(({ value }) => value)]).toEqual([label, 0, [42, 43, 44, 45]]);
      expect(headers?.get("heddle-resume-after")).toEqual(["41"]);
      expect(headers?.get("heddle-checkpoints")).toEqual([]);
    }
  });
});

async function read(stream: AsyncIterable<Numbered>): Promise<{ numbers: Numbered[]; error?: FabricError }> {
  const numbers: Numbered[] = [];
  try {
    for await (const each of stream) numbers.push(each);
    return { numbers };
  } catch (error) {
    return { numbers, error: error as FabricError };
  }
}

interface StockResult {
  readonly code: number;
  readonly numbers: readonly Numbered[];
  readonly headers: Metadata | undefined;
  readonly attempts: number;
}

const SERVICE = loadSync(PROTO, { includeDirs: [FOLDER, join(__dirname, "../../proto")], defaults: true })[
  "numbers.v1.Numbers"
] as unknown as Readonly<
  Record<
    string,
    { path: string; requestSerialize(value: object): Buffer; responseDeserialize(bytes: Buffer): Numbered }
  >
>;

function stockCall(
  client: Client,
  name: "Count" | "Sum",
  request: object = REQUEST,
  metadata = new Metadata(),
): Promise<StockResult> {
  const { path, requestSerialize, responseDeserialize } = SERVICE[name]!;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, metadata);
  const numbers: Numbered[] = [];
  let headers: Metadata | undefined;
  return new Promise((resolve) => {
    call.on("metadata", (received) => (headers = received));
    call.on("data", (each: Numbered) => numbers.push(each));
    call.on("error", () => {
      // Told by the status.
    });
    call.on("status", ({ code, metadata: trailers }) =>
      resolve({ code, numbers, headers, attempts: Number(trailers.get("heddle-attempts")[0] ?? 0) }),
    );
  });
}

/** Workers that had a part in these. */
function workersIn(results: readonly StockResult[]): number {
  return results.reduce((sum, { attempts }) => sum + attempts, 0);
}
