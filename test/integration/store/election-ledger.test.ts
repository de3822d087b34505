import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { systemClock } from "../../../src/platform/system-clock";
import { Election } from "../../../src/store/election";
import { openStore } from "../../../src/store/open-store";
import type { Condition, Store } from "../../../src/store/store";
import { EtcdServer } from "../../support/etcd-server";
import { type LedgerEntry, writeLedger } from "../../support/ledger-writer";
import { eventually } from "../../support/processes";
import { TcpProxy } from "../../support/tcp-proxy";

jest.setTimeout(60_000);

/** The shortest that etcd grants. */
const TTL_MS = 2_000;
const LEDGER = "ledger";

interface Director {
  readonly name: string;
  readonly election: Election;
  readonly proxy: TcpProxy;
  readonly store: Store;
}

const parts = { clock: systemClock, random: seededRandom(1), logger: SILENT_LOGGER };

/** Each of three directors reaches a real etcd through a proxy of its own, and writes into one ledger whenever it leads. */
describe("Leaders that are cut off from etcd", () => {
  let etcd: EtcdServer;
  let directors: Director[];
  let watcher: Store;
  const stop = new AbortController();
  const entries: LedgerEntry[] = [];
  const writing: Promise<void>[] = [];
  let leadersMax = 0;

  beforeAll(async () => {
    etcd = await EtcdServer.start();
    watcher = await openStore({ engine: "etcd", endpoints: [etcd.address] }, parts);
    directors = await Promise.all(["a", "b", "c"].map(join));
    const read = async () => {
      for await (const event of watcher.watch(LEDGER, stop.signal)) {
        if (event.kind === "snapshot") continue;
        for (const change of event.changes) {
          if (change.kind === "put") entries.push(JSON.parse(Buffer.from(change.entry.value).toString()) as never);
        }
      }
    };
    const countLeaders = () => {
      leadersMax = Math.max(leadersMax, directors.filter(({ election }) => election.isLeader()).length);
    };
    writing.push(read(), ...directors.map((director) => writeLedger(director, LEDGER, countLeaders, stop.signal)));
  });

  afterAll(async () => {
    stop.abort();
    for (const { proxy } of directors) proxy.accept();
    await Promise.all(directors.map(({ election }) => election.stop()));
    await Promise.all(writing);
    await Promise.all(directors.map(({ store }) => store.close()));
    await watcher.close();
    await Promise.all(directors.map(({ proxy }) => proxy.close()));
    await etcd.stop();
  });

  async function join(name: string): Promise<Director> {
    const proxy = await TcpProxy.listen({ host: "127.0.0.1", port: etcd.clientPort });
    const store = await openStore({ engine: "etcd", endpoints: [proxy.address], timeoutMs: 1_000 }, parts);
    const candidate = { directorId: name, address: `${name}:1` };
    return { name, proxy, store, election: Election.start({ ...parts, store, candidate, ttlMs: TTL_MS }) };
  }

  async function leader(): Promise<Director> {
    let found: Director | undefined;
    await eventually("one leads, and its entries come", () => {
      found = directors.find(({ election }) => election.isLeader());
      return found !== undefined && entries.at(-1)?.name === found.name;
    });
    return found!;
  }

  const lateWrite = (fence: Condition) =>
    watcher.commit({ conditions: [fence], operations: [{ kind: "put", key: "late", value: Buffer.from("x") }] });

  it.each([
    ["reset and refused", (proxy: TcpProxy) => proxy.refuse(), (proxy: TcpProxy) => proxy.accept()],
    ["not answered", (proxy: TcpProxy) => proxy.pause("toClient"), (proxy: TcpProxy) => proxy.resume("toClient")],
    ["not heard", (proxy: TcpProxy) => proxy.pause("toServer"), (proxy: TcpProxy) => proxy.resume("toServer")],
  ])(
    "H-06 never lead beside the next one, and their late writes do nothing, when they are %s",
    async (_how, cut, heal) => {
      const old = await leader();
      const { epoch, fence } = old.election.term()!;
      cut(old.proxy);
      await eventually("another leads", () =>
        directors.some((director) => director !== old && (director.election.term()?.epoch ?? 0) > epoch),
      );
      const next = await leader();
      expect([old.election.isLeader(), (await lateWrite(fence)).succeeded]).toEqual([false, false]);
      heal(old.proxy);
      await eventually("the old one knows who leads", () => old.election.leader()?.directorId === next.name);
      expect((await lateWrite(fence)).succeeded).toBe(false);
      const epochs = entries.map((entry) => entry.epoch);
      expect(epochs).toEqual([...epochs].sort((one, other) => one - other));
      expect(leadersMax).toBe(1);
    },
  );
});
