import { FabricError } from "../../src/core/errors";
import type { Operation, Session, Store, StoreEntry, TransactionResult, WatchEvent } from "../../src/store/store";
import { StoreFollower } from "./store-follower";
import { bytes, type StoreHarness, textOf } from "./store-harness";

/** Longer than any engine needs to pass a change on, even on a busy machine. */
const SOON_MS = 10_000;
/** What S3 allows on top of the TTL: etcd looks for expired leases every 500 ms, and may be busy. */
const SWEEP_MS = 5_000;

/**
 * Proves the guarantees of Store (src/store/store.ts), each by its name. `open` makes an empty store for each test. Operations
 * that report STORE_UNAVAILABLE are tried again, so that a store on a bad day is held to the same claims.
 */
export function storeConformance(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} keeps the Store guarantees`, () => {
    let harness: StoreHarness;
    let store: Store;
    let followers: StoreFollower[];

    beforeEach(async () => {
      harness = await open();
      store = harness.store;
      followers = [];
    });

    afterEach(async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
      await harness.dispose();
    });

    function follow(prefix: string, of: Store = store): StoreFollower {
      const follower = new StoreFollower(of, prefix);
      followers.push(follower);
      return follower;
    }

    const arrives = (follower: StoreFollower, revision: number) =>
      harness.eventually(`the watch reaches revision ${revision}`, SOON_MS, () => follower.revision >= revision);
    const begins = (follower: StoreFollower) =>
      harness.eventually("the watch begins", SOON_MS, () => follower.events.length > 0);
    const agrees = (follower: StoreFollower, prefix: string, of: Store = store) =>
      harness.eventually("the watch tells what the store holds", SOON_MS, async () => {
        const { entries } = await insist(() => of.list(prefix));
        return JSON.stringify(record(entries)) === JSON.stringify(sorted(follower.record));
      });

    describe("S1 ordered", () => {
      it("S1: delivers the changes of concurrent writers by rising revision, none twice", async () => {
        const follower = follow("n/");
        await begins(follower);
        await Promise.all(
          [1, 2, 3, 4].map(async (writer) => {
            for (let turn = 0; turn < 25; turn += 1) {
              await insist(() => store.put(`n/${writer}`, bytes(String(turn))));
            }
          }),
        );
        await agrees(follower, "n/");
        expect(follower.disorders).toEqual([]);
        expect(sorted(follower.record)).toEqual([
          ["n/1", "24"],
          ["n/2", "24"],
          ["n/3", "24"],
          ["n/4", "24"],
        ]);
      });

      it("S1: delivers what one transaction did together, under one revision", async () => {
        await insist(() => store.put("t/old", bytes("x")));
        const follower = follow("t/");
        await begins(follower);
        const { revision } = await insist(() =>
          store.commit({
            conditions: [],
            operations: [put("t/a", "1"), put("t/b", "2"), { kind: "delete", key: "t/old" }],
          }),
        );
        await arrives(follower, revision);
        const torn = follower.events.filter(
          (event) => event.kind === "changes" && event.revision === revision && event.changes.length < 3,
        );
        // Repeating the transaction after a lost answer deletes nothing more, hence at least two.
        expect(torn.filter((event) => event.kind === "changes" && event.changes.length < 2)).toEqual([]);
        expect(sorted(follower.record)).toEqual([
          ["t/a", "1"],
          ["t/b", "2"],
        ]);
        expect(follower.disorders).toEqual([]);
      });
    });

    describe("S2 complete", () => {
      it("S2: begins with a snapshot, also of nothing", async () => {
        const follower = follow("empty/");
        await begins(follower);
        expect(follower.events[0]).toMatchObject({ kind: "snapshot", entries: [] });
      });

      it("S2: loses nothing that is written while the watch begins", async () => {
        const writing = (async () => {
          for (let turn = 0; turn < 60; turn += 1) await insist(() => store.put(`w/${turn}`, bytes(String(turn))));
        })();
        const watching = [1, 2, 3, 4, 5].map(() => follow("w/"));
        await writing;
        for (const follower of watching) {
          await harness.eventually("the watch tells all 60", SOON_MS, () => follower.record.size === 60);
          expect(follower.disorders).toEqual([]);
        }
      });

      it("S2: tells every value of a key in turn, unless a snapshot stands between", async () => {
        const follower = follow("k");
        await begins(follower);
        for (let turn = 1; turn <= 40; turn += 1) await insist(() => store.put("k", bytes(String(turn))));
        await harness.eventually("the last value arrives", SOON_MS, () => follower.record.get("k") === "40");
        expect(skippedValues(follower)).toEqual([]);
      });

      it("S2: gives a watcher that is far behind a snapshot instead of a backlog", async () => {
        const stopped = new AbortController();
        const slow = store.watch("b/", stopped.signal)[Symbol.asyncIterator]();
        expect((await slow.next()).value).toMatchObject({ kind: "snapshot" });
        for (let block = 0; block < 15; block += 1) {
          const operations = Array.from({ length: 100 }, (_, index) => put(`b/${block * 100 + index}`, "x"));
          await insist(() => store.commit({ conditions: [], operations }));
        }
        const follower = follow("b/");
        await harness.eventually("another watcher has it all", SOON_MS, () => follower.record.size === 1_500);
        const seen = new Set<string>();
        let eventCount = 0;
        while (seen.size < 1_500 && eventCount < 1_500) {
          const { value } = await slow.next();
          for (const key of keysOf(value as WatchEvent)) seen.add(key);
          eventCount += 1;
        }
        stopped.abort();
        expect((await slow.next()).done).toBe(true);
        expect(seen.size).toBe(1_500);
      });

      it("S2: tells only of keys under the prefix", async () => {
        await insist(() => store.put("p/1", bytes("in")));
        await insist(() => store.put("p", bytes("out")));
        await insist(() => store.put("q/1", bytes("out")));
        const follower = follow("p/");
        await begins(follower);
        await insist(() => store.put("o/2", bytes("out")));
        await insist(() => store.put("p0", bytes("out")));
        await insist(() => store.put("p/2", bytes("in")));
        await harness.eventually("the change arrives", SOON_MS, () => follower.record.has("p/2"));
        expect([...follower.record.values()]).toEqual(["in", "in"]);
        expect((await insist(() => store.list("p/"))).entries.map(({ key }) => key)).toEqual(["p/1", "p/2"]);
        expect((await insist(() => store.list(""))).entries.map(({ key }) => key)).toEqual([
          ...["o/2", "p", "p/1", "p/2", "p0", "q/1"],
        ]);
      });

      it("S2: ends when its signal aborts, also one that was aborted before", async () => {
        const follower = follow("e/");
        await begins(follower);
        await follower.stop();
        expect(follower.isOver).toBe(true);
        for await (const event of store.watch("e/", AbortSignal.abort())) throw new Error(`unexpected ${event.kind}`);
      });
    });

    describe("S3 leased", () => {
      it("S3: drops the keys of a session at once when it is closed, and says so", async () => {
        const session = await openSession(store, harness.ttlMs);
        await insist(() => store.put("s/mine", bytes("x"), session));
        await insist(() => store.put("s/plain", bytes("x")));
        const follower = follow("s/");
        await begins(follower);
        await session.close();
        await agrees(follower, "s/");
        expect([...follower.record.keys()]).toEqual(["s/plain"]);
        expect(session.isAlive()).toBe(false);
        expect(session.lost.aborted).toBe(true);
        await session.close();
      });

      it("S3: drops the keys within the TTL when their owner dies, not before", async () => {
        const session = await openSession(store, harness.ttlMs);
        await insist(() => store.put("s/mine", bytes("x"), session));
        await insist(() => store.put("s/plain", bytes("x")));
        const seen = await harness.ownerDies();
        expect(session.isAlive()).toBe(false);
        expect(textOf(await insist(() => seen.get("s/mine")))).toBe("x");
        const follower = follow("s/", seen);
        await harness.eventually("the key of the dead is gone", session.ttlMs + SWEEP_MS, async () => {
          return (await insist(() => seen.get("s/mine"))) === undefined;
        });
        await agrees(follower, "s/", seen);
        expect([...follower.record.keys()]).toEqual(["s/plain"]);
      });

      it("S3: keeps the keys of a live session beyond the TTL", async () => {
        const session = await openSession(store, harness.ttlMs);
        await insist(() => store.put("s/mine", bytes("x"), session));
        await harness.elapse(2 * session.ttlMs);
        expect(session.isAlive()).toBe(true);
        expect(textOf(await insist(() => store.get("s/mine")))).toBe("x");
      });

      it("S3: a put without session takes the key out of the lease", async () => {
        const session = await openSession(store, harness.ttlMs);
        await insist(() => store.put("s/mine", bytes("leased"), session));
        await insist(() => store.put("s/mine", bytes("plain")));
        await session.close();
        expect(textOf(await insist(() => store.get("s/mine")))).toBe("plain");
      });

      it("S3: refuses a put under a session that is over", async () => {
        const session = await openSession(store, harness.ttlMs);
        await session.close();
        await expect(store.put("s/late", bytes("x"), session)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
        expect(await insist(() => store.get("s/late"))).toBeUndefined();
      });
    });

    describe("S4 fenced", () => {
      it("S4: of many that create a key at once, one succeeds", async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, contender) =>
            attempt(() =>
              store.commit({
                conditions: [{ key: "f/lock", createRevision: 0 }],
                operations: [put("f/lock", String(contender)), put(`f/trace/${contender}`, "x")],
              }),
            ),
          ),
        );
        const winners = outcomes.flatMap((outcome, contender) => (outcome?.succeeded ? [String(contender)] : []));
        const unknown = outcomes.flatMap((outcome, contender) => (outcome === undefined ? [String(contender)] : []));
        const holder = textOf(await insist(() => store.get("f/lock")))!;
        // S6: whoever's answer was lost may be the one.
        expect(winners.length > 0 ? winners : unknown.filter((contender) => contender === holder)).toEqual([holder]);
        const traces = (await insist(() => store.list("f/trace/"))).entries.map(({ key }) => key);
        expect(traces).toEqual([`f/trace/${holder}`]);
      });

      it("S4: counts every acknowledged increment of concurrent compare-and-set loops once", async () => {
        await insist(() => store.put("f/counter", bytes("0")));
        let acknowledged = 0;
        let unknown = 0;
        await Promise.all(
          Array.from({ length: 6 }, async () => {
            for (let done = 0; done < 10;) {
              const entry = (await insist(() => store.get("f/counter")))!;
              const result = await attempt(() =>
                store.commit({
                  conditions: [{ key: "f/counter", modRevision: entry.modRevision }],
                  operations: [put("f/counter", String(Number(textOf(entry)) + 1))],
                }),
              );
              if (result === undefined) unknown += 1;
              if (result?.succeeded) acknowledged += 1;
              if (result === undefined || result.succeeded) done += 1;
            }
          }),
        );
        const total = Number(textOf(await insist(() => store.get("f/counter"))));
        expect(total).toBeGreaterThanOrEqual(acknowledged);
        expect(total).toBeLessThanOrEqual(acknowledged + unknown);
      });

      it("S4: changes nothing when one of several conditions does not hold", async () => {
        const revision = await insist(() => store.put("f/a", bytes("1")));
        const result = await insist(() =>
          store.commit({
            conditions: [
              { key: "f/a", modRevision: revision },
              { key: "f/b", modRevision: 7 },
            ],
            operations: [{ kind: "delete", key: "f/a" }, put("f/c", "2")],
          }),
        );
        expect(result.succeeded).toBe(false);
        expect(record((await insist(() => store.list("f/"))).entries)).toEqual([["f/a", "1"]]);
      });

      it("S4: a key that is created again has a higher createRevision, and the old one no longer holds", async () => {
        await insist(() => store.put("f/key", bytes("first")));
        const first = (await insist(() => store.get("f/key")))!;
        await insist(() => store.put("f/key", bytes("same")));
        const same = (await insist(() => store.get("f/key")))!;
        await insist(() => store.delete("f/key"));
        await insist(() => store.put("f/key", bytes("second")));
        const second = (await insist(() => store.get("f/key")))!;
        expect(same.createRevision).toBe(first.createRevision);
        expect(same.modRevision).toBeGreaterThan(first.modRevision);
        expect(second.createRevision).toBeGreaterThan(same.modRevision);
        const stale = await insist(() =>
          store.commit({
            conditions: [{ key: "f/key", createRevision: first.createRevision }],
            operations: [put("f/key", "stale")],
          }),
        );
        expect(stale.succeeded).toBe(false);
        expect(textOf(await insist(() => store.get("f/key")))).toBe("second");
      });

      it("S4: revisions rise with every change, and only with changes", async () => {
        const first = await insist(() => store.put("f/key", bytes("x")));
        const absent = await insist(() =>
          store.commit({ conditions: [], operations: [{ kind: "delete", key: "f/absent" }] }),
        );
        const second = await insist(() => store.put("f/key", bytes("x")));
        expect(absent).toEqual({ succeeded: true, revision: first });
        expect(second).toBeGreaterThan(first);
        expect((await insist(() => store.list("f/"))).revision).toBe(second);
      });
    });

    describe("S5 durable", () => {
      it("S5: what was acknowledged is there after a crash, with its revisions", async () => {
        for (let turn = 0; turn < 20; turn += 1) await insist(() => store.put(`d/${turn % 7}`, bytes(String(turn))));
        await insist(() => store.delete("d/3"));
        const before = await insist(() => store.list("d/"));
        const restored = await harness.storeCrashes();
        const after = await insist(() => restored.list("d/"));
        expect(after.entries).toEqual(before.entries);
        const next = await insist(() => restored.put("d/next", bytes("x")));
        expect(next).toBeGreaterThan(before.revision);
      });

      it("S5: a lease outlives the crash, and its keys still go with it", async () => {
        const session = await openSession(store, harness.ttlMs);
        await insist(() => store.put("d/mine", bytes("x"), session));
        await harness.ownerDies();
        const restored = await harness.storeCrashes();
        expect(textOf(await insist(() => restored.get("d/mine")))).toBe("x");
        await harness.eventually("the key is gone", 2 * session.ttlMs + SWEEP_MS, async () => {
          return (await insist(() => restored.get("d/mine"))) === undefined;
        });
      });
    });

    describe("S6 honest", () => {
      it("S6: tells whether a deleted key existed", async () => {
        await insist(() => store.put("h/key", bytes("x")));
        const firstAnswer = await store.delete("h/key").catch((error: FabricError) => error.code);
        expect([true, "STORE_UNAVAILABLE"]).toContain(firstAnswer);
        await insist(() => store.delete("h/key"));
        expect(await insist(() => store.delete("h/key"))).toBe(false);
      });

      it.each<[string, (store: Store) => Promise<unknown>]>([
        ["an empty key", (of) => of.get("")],
        ["a key that is not ASCII", (of) => of.put("schlüssel", bytes("x"))],
        ["a key with a control character", (of) => of.delete("a\nb")],
        ["a key of 513 bytes", (of) => of.put("k".repeat(513), bytes("x"))],
        ["a value over 1 MiB", (of) => of.put("h/big", new Uint8Array(1_048_577))],
        ["a key written twice", (of) => of.commit({ conditions: [], operations: [put("h/a", "1"), put("h/a", "2")] })],
        [
          "101 operations",
          (of) =>
            of.commit({
              conditions: [],
              operations: Array.from({ length: 101 }, (_, index) => put(`h/${index}`, "x")),
            }),
        ],
        ["a session of 999 ms", (of) => of.openSession({ ttlMs: 999 })],
        ["a prefix that is not ASCII", (of) => of.list("ü")],
      ])("S6: refuses %s as INVALID_ARGUMENT and changes nothing", async (_, operation) => {
        await harness.eventually("the fault lets the refusal through", SOON_MS, async () => {
          const error = await operation(store).catch((reason: unknown) => reason);
          return error instanceof FabricError && error.code === "INVALID_ARGUMENT";
        });
        expect((await insist(() => store.list(""))).entries).toEqual([]);
      });

      it("S6: takes a value of exactly 1 MiB and 100 operations", async () => {
        const value = new Uint8Array(1_048_576).fill(7);
        await insist(() => store.put("h/big", value));
        expect(Buffer.compare((await insist(() => store.get("h/big")))!.value, value)).toBe(0);
        const operations = Array.from({ length: 100 }, (_, index) => put(`h/${index}`, "x"));
        expect(await insist(() => store.commit({ conditions: [], operations }))).toMatchObject({ succeeded: true });
      });

      it("S6: keeps its own copy of a value", async () => {
        const value = bytes("before");
        const written = insist(() => store.put("h/key", value));
        await written;
        value.fill(0);
        expect(textOf(await insist(() => store.get("h/key")))).toBe("before");
      });
    });

    describe("S7 quiet", () => {
      it("S7: after close operations reject, watches end and sessions are lost", async () => {
        const session = await openSession(store, harness.ttlMs);
        const follower = follow("");
        await begins(follower);
        const pending = [store.put("q/1", bytes("x")), store.get("q/1"), store.list("q/")];
        const closing = store.close();
        await Promise.allSettled(pending);
        await closing;
        await harness.eventually("the watch ends", SOON_MS, () => follower.isOver);
        expect(session.lost.aborted).toBe(true);
        expect(session.isAlive()).toBe(false);
        expect(store.isAvailable()).toBe(false);
        const late: (() => Promise<unknown>)[] = [
          () => store.get("q/1"),
          () => store.list("q/"),
          () => store.put("q/1", bytes("x")),
          () => store.delete("q/1"),
          () => store.commit({ conditions: [], operations: [] }),
          () => store.openSession({ ttlMs: harness.ttlMs }),
        ];
        for (const operation of late) await expect(operation()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
        for await (const event of store.watch("", new AbortController().signal)) {
          throw new Error(`unexpected ${event.kind}`);
        }
        await session.close();
        await store.close();
      });
    });
  });
}

/** Repeats an operation until it is acknowledged. Only for what may be done twice. */
async function insist<T>(operation: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof FabricError) || error.code !== "STORE_UNAVAILABLE" || attempts >= 50) throw error;
    }
  }
}

/** The result, or undefined when it may or may not have happened. */
async function attempt(operation: () => Promise<TransactionResult>): Promise<TransactionResult | undefined> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof FabricError && error.code === "STORE_UNAVAILABLE") return undefined;
    throw error;
  }
}

function openSession(store: Store, ttlMs: number): Promise<Session> {
  return insist(() => store.openSession({ ttlMs }));
}

function put(key: string, value: string): Operation & { readonly kind: "put" } {
  return { kind: "put", key, value: bytes(value) };
}

function sorted(record: ReadonlyMap<string, string>): [string, string][] {
  return [...record].sort(([a], [b]) => (a < b ? -1 : 1));
}

function record(entries: readonly StoreEntry[]): [string, string][] {
  return entries.map((entry) => [entry.key, textOf(entry)!]);
}

/** Steps over a value that no snapshot accounts for. */
function skippedValues(follower: StoreFollower): string[] {
  const skipped: string[] = [];
  let known = 0;
  for (const event of follower.events) {
    if (event.kind === "snapshot") known = Number(textOf(event.entries[0]) ?? 0);
    for (const change of event.kind === "changes" ? event.changes : []) {
      const value = change.kind === "put" ? Number(textOf(change.entry)) : known;
      // A value may come twice when its put was repeated after a lost answer.
      if (value !== known + 1 && value !== known) skipped.push(`${value} after ${known}`);
      known = value;
    }
  }
  return skipped;
}

function keysOf(event: WatchEvent): string[] {
  if (event.kind === "snapshot") return event.entries.map(({ key }) => key);
  return event.changes.map((change) => (change.kind === "put" ? change.entry.key : change.key));
}
