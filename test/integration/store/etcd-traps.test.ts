/* The traps of etcd and of its client library, by number: each lost events, keys or processes elsewhere. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import {
  loadPackageDefinition,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { Election } from "../../../src/store/election";
import { EtcdEndpoint } from "../../../src/store/etcd/etcd-endpoint";
import { EtcdStore, type EtcdStoreOptions } from "../../../src/store/etcd/etcd-store";
import { StoreFollower } from "../../conformance/store-follower";
import { bytes, eventually, textOf } from "../../conformance/store-harness";
import { EtcdServer } from "../../support/etcd-server";
import { TcpProxy } from "../../support/tcp-proxy";

const SOON_MS = 15_000;

let server: EtcdServer;
let proxy: TcpProxy;
let testCount = 0;
let keyPrefix: string;
/** Ends what a test opened, last first. */
let endings: (() => unknown)[];

beforeAll(async () => {
  server = await EtcdServer.start();
});

afterAll(() => server.stop());

beforeEach(async () => {
  testCount += 1;
  keyPrefix = `/trap-${testCount}/`;
  proxy = await TcpProxy.listen({ host: "127.0.0.1", port: server.clientPort });
  endings = [() => proxy.close()];
});

afterEach(async () => {
  for (const end of endings.reverse()) await end();
});

function open(address: string, options: Partial<EtcdStoreOptions> = {}): EtcdStore {
  const store = new EtcdStore({
    endpoints: [address],
    keyPrefix,
    clock: systemClock,
    random: seededRandom(testCount),
    logger: SILENT_LOGGER,
    ...options,
  });
  endings.push(() => store.close());
  return store;
}

function follow(store: EtcdStore): StoreFollower {
  const follower = new StoreFollower(store, "");
  endings.push(() => follower.stop());
  return follower;
}

/** Puts the keys n/from to n/(to − 1), each a revision of its own. */
async function writeMany(store: EtcdStore, from: number, to: number): Promise<void> {
  for (let first = from; first < to; first += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.put(`n/${first + index}`, bytes(String(first + index)))),
    );
  }
}

async function etcdApi(path: string, body: object): Promise<void> {
  const answer = await fetch(`http://${server.address}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
  expect(`${path} ${answer.status}`).toBe(`${path} 200`);
}

describe("a watch through broken connections", () => {
  it("E1: loses none of 3,000 revisions when its connection is cut again and again while it catches up", async () => {
    const writer = open(server.address);
    const follower = follow(open(proxy.address, { watchBacklogMax: 10_000 }));
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    proxy.refuse();
    await writeMany(writer, 0, 1_500);
    proxy.accept();
    for (const from of [1_500, 2_000, 2_500]) {
      const before = proxy.bytesToClient;
      const writing = writeMany(writer, from, from + 500);
      await eventually("some of it arrives", SOON_MS, () => proxy.bytesToClient > before + 5_000);
      proxy.cut();
      await writing;
    }
    await eventually("all 3,000 are there", SOON_MS, () => follower.record.size === 3_000);
    expect(follower.disorders).toEqual([]);
  });

  it("E1: loses nothing of a stream that stood still for 1,500 revisions and was then cut in the middle", async () => {
    const writer = open(server.address);
    const follower = follow(open(proxy.address, { watchBacklogMax: 10_000 }));
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    // Accepted by etcd before it stands still.
    await writer.put("first", bytes("x"));
    await eventually("the stream flows", SOON_MS, () => follower.record.has("first"));
    proxy.pause("toClient");
    await writeMany(writer, 0, 1_500);
    const before = proxy.bytesToClient;
    proxy.resume("toClient");
    await eventually("some of it arrives", SOON_MS, () => proxy.bytesToClient > before);
    proxy.cut();
    await eventually("all of it is there", SOON_MS, () => follower.record.size === 1_501);
    expect(follower.disorders).toEqual([]);
  });

  it("E2: goes on with a snapshot when what it missed was compacted away", async () => {
    const writer = open(server.address);
    const follower = follow(open(proxy.address));
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    await writer.put("gone", bytes("x"));
    await eventually("the stream flows", SOON_MS, () => follower.record.has("gone"));
    proxy.refuse();
    await writer.delete("gone");
    const revision = await writer.put("there", bytes("x"));
    await etcdApi("kv/compaction", { revision: String(revision) });
    proxy.accept();
    await eventually("the watch tells what is there", SOON_MS, () => follower.record.has("there"));
    expect([...follower.record.keys()]).toEqual(["there"]);
    expect(follower.snapshots).toHaveLength(2);
  });

  it("E2: a stream from a compacted revision ends with a reason, and ending it once more does nothing", async () => {
    const writer = open(server.address);
    await writer.put("key", bytes("1"));
    const revision = await writer.put("key", bytes("2"));
    await etcdApi("kv/compaction", { revision: String(revision) });
    const endpoint = new EtcdEndpoint({ address: server.address, clock: systemClock });
    endings.push(() => endpoint.close());
    const reasons: string[] = [];
    const end = endpoint.watch({ key: Buffer.from(`${keyPrefix}key`) }, 1, {
      created: () => {},
      changes: () => reasons.push("unexpected changes"),
      ended: (reason) => reasons.push(reason),
    });
    await eventually("the stream ends", SOON_MS, () => reasons.length > 0);
    end();
    end();
    expect(reasons).toEqual([expect.stringContaining("etcd cancelled the watch")]);
  });

  it("E6: goes on after etcd stood still", async () => {
    const writer = open(server.address);
    const follower = follow(writer);
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    server.freeze();
    const refused = writer.put("frozen", bytes("x")).catch((error: { code: string }) => error.code);
    expect(await refused).toBe("STORE_UNAVAILABLE");
    server.thaw();
    await eventually("etcd takes writes again", SOON_MS, () =>
      writer.put("after", bytes("x")).then(
        () => true,
        () => false,
      ),
    );
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("after"));
  });

  it("E13: replaces a stream that silently brings nothing, by listing now and then", async () => {
    const writer = open(server.address);
    const watching = open(proxy.address, { relistIntervalMs: 300 });
    const follower = follow(watching);
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    proxy.pause("toClient");
    await writer.put("unseen", bytes("x"));
    await eventually("the store is found silent", SOON_MS, () => !watching.isAvailable());
    proxy.resume("toClient");
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("unseen"));
    expect(follower.disorders).toEqual([]);
  });
});

describe("sessions and answers that do not come", () => {
  it("E4, E5: a session on a frozen etcd is lost once, before the lease runs out there", async () => {
    const store = open(server.address);
    const sentMs = performance.now();
    const session = await store.openSession({ ttlMs: 2_000 });
    let lossCount = 0;
    session.lost.addEventListener("abort", () => (lossCount += 1));
    server.freeze();
    await once(session.lost, "abort");
    const lostAfterMs = performance.now() - sentMs;
    expect(session.isAlive()).toBe(false);
    await expect(store.put("late", bytes("x"), session)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    server.thaw();
    await session.close();
    // A renewal or two may have got through before the freeze.
    expect(lostAfterMs).toBeLessThan(2_000 + 1_000);
    expect(lossCount).toBe(1);
  });

  it("E4: while the session says that it lives, its key is there", async () => {
    const store = open(proxy.address);
    const witness = open(server.address);
    const session = await store.openSession({ ttlMs: 2_000 });
    await store.put("mine", bytes("x"), session);
    proxy.refuse();
    const sightings: string[] = [];
    await eventually("the key is gone", SOON_MS, async () => {
      const entry = await witness.get("mine");
      // Asked after the answer: the key was there when etcd looked, which is earlier.
      sightings.push(`${entry ? "key" : "gone"}, ${session.isAlive() ? "alive" : "lost"}`);
      return entry === undefined;
    });
    expect(sightings).toContain("key, lost");
    expect(sightings).not.toContain("gone, alive");
  });

  it("E6: every operation on a frozen etcd rejects within its timeout", async () => {
    const store = open(server.address, { timeoutMs: 500 });
    await store.put("key", bytes("x"));
    server.freeze();
    const startedMs = performance.now();
    const outcomes = await Promise.all(
      [
        store.get("key"),
        store.list(""),
        store.put("key", bytes("y")),
        store.delete("key"),
        store.openSession({ ttlMs: 2_000 }),
      ].map((operation) => operation.then(() => "answered").catch((error: { code: string }) => error.code)),
    );
    const tookMs = performance.now() - startedMs;
    server.thaw();
    expect(outcomes).toEqual(Array.from({ length: 5 }, () => "STORE_UNAVAILABLE"));
    expect(tookMs).toBeLessThan(2_000);
  });

  it("E8: a transaction whose answer is lost rejects, and is done once, not repeated", async () => {
    const store = open(proxy.address, { timeoutMs: 500 });
    const witness = open(server.address);
    await store.put("warm", bytes("x"));
    const { revision: before } = await witness.list("");
    proxy.pause("toClient");
    await expect(
      store.commit({
        conditions: [{ key: "lock", createRevision: 0 }],
        operations: [{ kind: "put", key: "lock", value: bytes("mine") }],
      }),
    ).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    proxy.resume("toClient");
    const { revision, entries } = await witness.list("lock");
    expect(entries.map(textOf)).toEqual(["mine"]);
    expect(revision).toBe(before + 1);
  });

  it("E9: an etcd that comes back is used at once, however many operations failed before", async () => {
    const store = open(proxy.address, { timeoutMs: 500 });
    proxy.refuse();
    for (let failures = 0; failures < 6; failures += 1) {
      await expect(store.get("key")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    }
    expect(store.isAvailable()).toBe(false);
    proxy.accept();
    await eventually("it answers", 2_000, () =>
      store.get("key").then(
        () => true,
        () => false,
      ),
    );
    expect(store.isAvailable()).toBe(true);
  });

  it("of two endpoints, uses the one that answers", async () => {
    proxy.refuse();
    const store = open("", { endpoints: [proxy.address, server.address], random: { below: () => 0, unit: () => 0 } });
    await store.get("key");
    const follower = follow(store);
    await store.put("key", bytes("x"));
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("key"));
  });
});

describe("beginnings and endings", () => {
  it("opens while etcd is down: operations reject, the watch begins when etcd is there", async () => {
    const late = await EtcdServer.prepare();
    endings.push(() => late.stop());
    const store = open(late.address, { timeoutMs: 1_000 });
    const follower = follow(store);
    await expect(store.get("key")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(follower.events).toEqual([]);
    await late.restart();
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    await store.put("key", bytes("x"));
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("key"));
  });

  it("E14: an etcd whose data was wiped gives a snapshot, although its revisions start anew", async () => {
    const own = await EtcdServer.start();
    endings.push(() => own.stop());
    const store = open(own.address);
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.put(`old/${index}`, bytes("x"))));
    const follower = follow(store);
    await eventually("the watch begins", SOON_MS, () => follower.record.size === 50);
    const before = follower.revision;
    await own.wipe();
    await own.restart();
    await eventually("the watch sees the empty store", SOON_MS, () => follower.record.size === 0);
    expect(follower.revision).toBeLessThan(before);
    await store.put("new", bytes("x"));
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("new"));
  });

  it.each(["close", "close-frozen"])("E7: after %s nothing keeps the process alive", async (mode) => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", join(__dirname, "etcd-child.ts"), server.address, keyPrefix, mode],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const exited = once(child, "exit");
    endings.push(() => child.kill("SIGKILL"));
    await once(child.stdout, "data");
    if (mode === "close-frozen") server.freeze();
    child.stdin.end("close\n");
    await once(child.stdout, "data");
    const closedMs = performance.now();
    const [code] = (await exited) as [number];
    const lingeredMs = performance.now() - closedMs;
    server.thaw();
    expect(code).toBe(0);
    expect(lingeredMs).toBeLessThan(3_000);
  });

  it("E10: sends `hasleader` with every call, so that a server without its cluster refuses", async () => {
    const fake = await FakeEtcd.listen();
    endings.push(() => fake.close());
    const store = open(fake.address);
    follow(store);
    await store.get("key");
    await store.put("key", bytes("x"));
    const session = await store.openSession({ ttlMs: 1_000 });
    await eventually("all five were called", SOON_MS, () => fake.calls.size === 5);
    await session.close();
    expect([...fake.calls].sort()).toEqual([
      "LeaseGrant hasleader=true",
      "LeaseKeepAlive hasleader=true",
      "Range hasleader=true",
      "Txn hasleader=true",
      "Watch hasleader=true",
    ]);
  });

  it("E11: signs in with user and password, and again when the token is no longer good", async () => {
    const own = await EtcdServer.start();
    endings.push(() => own.stop());
    const api = (path: string, body: object) =>
      fetch(`http://${own.address}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
    await api("auth/user/add", { name: "root", password: "secret" });
    await api("auth/role/add", { name: "root" });
    await api("auth/user/grant", { user: "root", role: "root" });
    await api("auth/enable", {});
    const store = open(own.address, { auth: { username: "root", password: "secret" } });
    const stranger = open(own.address, { auth: { username: "root", password: "wrong" } });
    await store.put("key", bytes("x"));
    await expect(stranger.get("key")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    const follower = follow(store);
    await eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    // Tokens live in etcd's memory.
    await own.restart();
    await eventually("it is let in again", SOON_MS, () =>
      store.put("again", bytes("x")).then(
        () => true,
        () => false,
      ),
    );
    await eventually("the watch tells it", SOON_MS, () => follower.record.has("again"));
  });
});

describe("election on a real etcd", () => {
  it("E3, E12: a leader that is cut off knows before another leads, with a higher epoch", async () => {
    const start = (directorId: string, store: EtcdStore) => {
      const election = Election.start({
        store,
        clock: systemClock,
        random: seededRandom(directorId.length),
        logger: SILENT_LOGGER,
        candidate: { directorId, address: "127.0.0.1:1" },
        ttlMs: 2_000,
      });
      endings.push(() => election.stop());
      return election;
    };
    const a = start("a", open(proxy.address, { timeoutMs: 1_000 }));
    await eventually("a leads", SOON_MS, () => a.isLeader());
    const b = start("b", open(server.address));
    await eventually("b sees a", SOON_MS, () => b.leader()?.directorId === "a");
    const { epoch } = a.leader()!;
    proxy.refuse();
    const overlaps: number[] = [];
    await eventually("b leads", SOON_MS, () => {
      if (a.isLeader() && b.isLeader()) overlaps.push(performance.now());
      return b.isLeader();
    });
    expect(overlaps).toEqual([]);
    expect(a.isLeader()).toBe(false);
    expect(b.leader()!.epoch).toBeGreaterThan(epoch);
    proxy.accept();
    await eventually("a is back and sees b", SOON_MS, () =>
      b.candidates().some(({ directorId }) => directorId === "a"),
    );
    const startedMs = performance.now();
    expect(await b.transferTo("a")).toMatchObject({ directorId: "a" });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await eventually("a leads again", SOON_MS, () => a.isLeader());
  });
});

/** Answers every call of ours with as little as it takes, and notes who sent which metadata. */
class FakeEtcd {
  readonly calls = new Set<string>();
  readonly #server = new Server();
  #port = 0;

  static async listen(): Promise<FakeEtcd> {
    const fake = new FakeEtcd();
    const proto = join(require.resolve("etcd3"), "../../proto/rpc.proto");
    const services = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: String }))["etcdserverpb"];
    const { KV, Lease, Watch } = services as unknown as Record<string, ServiceClientConstructor>;
    const header = { cluster_id: "1", member_id: "1", revision: "1" };
    const unary =
      (name: string, answer: object) => (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) => {
        fake.#note(name, call.metadata.get("hasleader"));
        done(null, { header, ...answer });
      };
    const stream = (name: string, answer: object) => (call: ServerDuplexStream<object, object>) => {
      fake.#note(name, call.metadata.get("hasleader"));
      call.on("data", () => call.write({ header, ...answer }));
      call.on("end", () => call.end());
    };
    fake.#server.addService(KV!.service, {
      Range: unary("Range", { kvs: [] }),
      Txn: unary("Txn", { succeeded: true }),
    });
    fake.#server.addService(Lease!.service, {
      LeaseGrant: unary("LeaseGrant", { ID: "7", TTL: "1" }),
      LeaseRevoke: (_: unknown, done: sendUnaryData<object>) => done(null, { header }),
      LeaseKeepAlive: stream("LeaseKeepAlive", { ID: "7", TTL: "1" }),
    });
    fake.#server.addService(Watch!.service, { Watch: stream("Watch", { created: true }) });
    fake.#port = await new Promise<number>((resolve, reject) =>
      fake.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #note(name: string, values: readonly (string | Buffer)[]): void {
    this.calls.add(`${name} hasleader=${values.join()}`);
  }
}
