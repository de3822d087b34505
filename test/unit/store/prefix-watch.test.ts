import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import type { RangeAnswer, WatchListener } from "../../../src/store/etcd/etcd-endpoint";
import { PrefixWatch } from "../../../src/store/etcd/prefix-watch";
import type { StoreChange, WatchEvent } from "../../../src/store/store";
import { bytes } from "../../conformance/store-harness";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

const TIMEOUT_MS = 3_000;
const RELIST_MS = 60_000;

/** An etcd of which the test says what a list shows and what its streams bring. */
class FakeEtcd {
  listed: RangeAnswer = { clusterId: "c", revision: 1, entries: [] };
  listCount = 0;
  isDown = false;
  acceptsStreams = true;
  readonly streams: { readonly startRevision: number; readonly listener: WatchListener; isOpen: boolean }[] = [];

  readonly calls = {
    list: async () => {
      this.listCount += 1;
      if (this.isDown) throw new Error("down");
      return this.listed;
    },
    open: (startRevision: number, listener: WatchListener) => {
      const stream = { startRevision, listener, isOpen: true };
      this.streams.push(stream);
      if (this.acceptsStreams) listener.created();
      return { end: () => (stream.isOpen = false), failed: () => {} };
    },
  };

  get stream() {
    return this.streams.at(-1)!;
  }
}

describe("PrefixWatch", () => {
  let clock: ManualClock;
  let etcd: FakeEtcd;
  let watch: PrefixWatch;
  let stopped: AbortController;
  let running: Promise<void>;
  let events: WatchEvent[];

  beforeEach(async () => {
    clock = new ManualClock();
    etcd = new FakeEtcd();
    stopped = new AbortController();
    events = [];
    watch = new PrefixWatch({
      calls: etcd.calls,
      clock,
      random: seededRandom(1),
      logger: SILENT_LOGGER,
      backlogMax: 100,
      timeoutMs: TIMEOUT_MS,
      relistIntervalMs: RELIST_MS,
    });
    etcd.listed = { clusterId: "c", revision: 50, entries: [entry("old", 40)] };
    running = watch.run(stopped.signal);
    void (async () => {
      for (let event = await watch.feed.next(); event; event = await watch.feed.next()) events.push(event);
    })();
    await settle();
  });

  afterEach(async () => {
    stopped.abort();
    watch.feed.end();
    await running;
    expect(clock.pendingTimers).toBe(0);
    expect(etcd.streams.filter(({ isOpen }) => isOpen)).toEqual([]);
  });

  it("W1: lists, then opens the stream at the revision after the list", () => {
    expect(events).toEqual([{ kind: "snapshot", revision: 50, entries: [entry("old", 40)] }]);
    expect(etcd.stream.startRevision).toBe(51);
  });

  it("W2: drops what it has seen already", async () => {
    etcd.stream.listener.changes([put("a", 51), put("b", 52)]);
    etcd.stream.listener.changes([put("b", 52), put("c", 53)]);
    await settle();
    expect(changedKeys()).toEqual(["a", "b", "c"]);
  });

  it("W3: says nothing after a break in which nothing happened", async () => {
    etcd.stream.listener.ended("dropped");
    await clock.advance(200);
    expect(etcd.streams).toHaveLength(2);
    expect(events).toHaveLength(1);
  });

  it.each<[string, Partial<RangeAnswer>]>([
    ["a key was added", { revision: 51, entries: [entry("old", 40), entry("young", 51)] }],
    ["a key was deleted", { revision: 51, entries: [] }],
    ["a key was written", { revision: 51, entries: [entry("old", 51)] }],
    ["a key was deleted and created", { revision: 52, entries: [{ ...entry("old", 40), createRevision: 52 }] }],
    ["the store went back in time", { revision: 45 }],
    ["it is another cluster", { clusterId: "other" }],
  ])("W3: gives a snapshot after a break in which %s", async (_, change) => {
    etcd.listed = { ...etcd.listed, ...change };
    etcd.stream.listener.ended("dropped");
    await clock.advance(200);
    expect(events.at(-1)).toEqual({
      kind: "snapshot",
      revision: etcd.listed.revision,
      entries: etcd.listed.entries,
    });
    expect(events).toHaveLength(2);
  });

  it("E14: tells the changes of a wiped store, although their revisions were seen before", async () => {
    etcd.stream.listener.changes([{ kind: "delete", key: "old", modRevision: 51 }]);
    etcd.listed = { clusterId: "c", revision: 1, entries: [] };
    etcd.stream.listener.ended("dropped");
    await clock.advance(200);
    expect(etcd.stream.startRevision).toBe(2);
    etcd.stream.listener.changes([put("new", 2)]);
    await settle();
    expect(changedKeys().at(-1)).toBe("new");
  });

  it("W4: replaces a stream that lost something silently, within the relist interval and a quarter", async () => {
    etcd.listed = { clusterId: "c", revision: 51, entries: [entry("old", 40), entry("silent", 51)] };
    await clock.advance(RELIST_MS * 1.25 + 200);
    expect(events.at(-1)).toMatchObject({ kind: "snapshot", revision: 51 });
    expect(etcd.streams.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  it("W4: leaves a stream alone that the list confirms", async () => {
    await clock.advance(5 * RELIST_MS);
    expect(etcd.listCount).toBeGreaterThanOrEqual(4);
    expect(etcd.streams).toHaveLength(1);
    expect(events).toHaveLength(1);
  });

  it("gives up a stream that is not accepted in time", async () => {
    etcd.acceptsStreams = false;
    etcd.stream.listener.ended("dropped");
    await clock.advance(200);
    expect(etcd.streams).toHaveLength(2);
    await clock.advance(TIMEOUT_MS + 400);
    expect(etcd.streams).toHaveLength(3);
  });

  it("asks an etcd that is down less and less often, down to once a second", async () => {
    etcd.isDown = true;
    etcd.stream.listener.ended("dropped");
    await clock.advance(60_000);
    const before = etcd.listCount;
    await clock.advance(60_000);
    expect(etcd.listCount - before).toBeGreaterThanOrEqual(60);
    expect(etcd.listCount - before).toBeLessThanOrEqual(120);
  });

  function changedKeys(): string[] {
    return events.flatMap((event) =>
      event.kind === "changes"
        ? event.changes.map((change) => (change.kind === "put" ? change.entry.key : change.key))
        : [],
    );
  }
});

function entry(key: string, modRevision: number) {
  return { key, value: bytes("x"), createRevision: 40, modRevision };
}

function put(key: string, modRevision: number): StoreChange {
  return { kind: "put", entry: entry(key, modRevision) };
}
