import fc from "fast-check";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { EmbeddedStore, type EmbeddedStoreOptions } from "../../../src/store/embedded/embedded-store";
import type { Journal, JournalBatch } from "../../../src/store/embedded/journal";
import { MemoryJournal } from "../../../src/store/embedded/memory-journal";
import type { Session, StoreEntry } from "../../../src/store/store";
import { StoreFollower } from "../../conformance/store-follower";
import { bytes, textOf } from "../../conformance/store-harness";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

let clock: ManualClock;

beforeEach(() => {
  clock = new ManualClock();
});

const open = (journal: Journal, options: Partial<EmbeddedStoreOptions> = {}) =>
  EmbeddedStore.open({ journal, clock, random: seededRandom(1), logger: SILENT_LOGGER, ...options });

describe("EmbeddedStore on a disk that is slow or fails", () => {
  it("B1: lets nobody see a write before it is durable: no reader, no watcher, no loser of a race", async () => {
    const journal = new SlowJournal();
    const store = await open(journal);
    const follower = new StoreFollower(store, "");
    await settle();
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    const writing = store.put("key", bytes("x")).then(note("written"));
    const reading = store.get("key").then(note("read"));
    const listing = store.list("").then(note("listed"));
    const losing = store
      .commit({ conditions: [{ key: "key", createRevision: 0 }], operations: [] })
      .then(note("lost the race"));
    await settle();
    expect(order).toEqual([]);
    expect(follower.record.size).toBe(0);
    journal.release();
    await Promise.all([writing, reading, listing, losing]);
    await settle();
    expect(order.sort()).toEqual(["listed", "lost the race", "read", "written"]);
    expect([...follower.record]).toEqual([["key", "x"]]);
    await close(store, journal);
    await follower.stop();
  });

  it("shares one flush among the transactions that wait for it", async () => {
    const journal = new SlowJournal();
    const store = await open(journal);
    const writing = Promise.all(Array.from({ length: 50 }, (_, index) => store.put(`k/${index}`, bytes("x"))));
    await settle();
    const later = Promise.all(Array.from({ length: 50 }, (_, index) => store.put(`l/${index}`, bytes("x"))));
    journal.release();
    await writing;
    await later;
    expect(journal.batchSizes).toEqual([50, 50]);
    await close(store, journal);
  });

  it("B3: after a failed flush rejects what rests on it, reads the journal back and gives watchers a snapshot", async () => {
    const journal = new SlowJournal();
    journal.release();
    const store = await open(journal);
    await store.put("kept", bytes("1"));
    const follower = new StoreFollower(store, "");
    await settle();
    journal.failNext(false);
    const outcomes = await Promise.allSettled([store.put("kept", bytes("2")), store.put("lost", bytes("x"))]);
    expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code)).toEqual([
      "STORE_UNAVAILABLE",
      "STORE_UNAVAILABLE",
    ]);
    expect(store.isAvailable()).toBe(false);
    await expect(store.get("kept")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await clock.advance(1_000);
    expect(store.isAvailable()).toBe(true);
    expect(textOf(await store.get("kept"))).toBe("1");
    await store.put("kept", bytes("3"));
    await settle();
    expect([...follower.record]).toEqual([["kept", "3"]]);
    expect(follower.snapshots).toHaveLength(2);
    await close(store, journal);
    await follower.stop();
  });

  it("S6: a write that reached the disk although its flush failed is there, although it was rejected", async () => {
    const journal = new SlowJournal();
    journal.release();
    const store = await open(journal);
    journal.failNext(true);
    await expect(store.put("maybe", bytes("x"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await clock.advance(1_000);
    expect(textOf(await store.get("maybe"))).toBe("x");
    await close(store, journal);
  });

  it("S6: rejects within the timeout when the disk hangs", async () => {
    const journal = new SlowJournal();
    const store = await open(journal, { timeoutMs: 700 });
    const refused = expect(store.put("key", bytes("x"))).rejects.toThrow(
      /no answer within 700 ms; it may still happen/,
    );
    await clock.advance(700);
    await refused;
    await close(store, journal);
  });
});

describe("EmbeddedStore's sessions", () => {
  it("S3: a session is lost, and then its keys, when the process stood still for the TTL", async () => {
    const stalled = new StallingClock();
    const store = await open(new MemoryJournal(), { clock: stalled });
    const session = await store.openSession({ ttlMs: 6_000 });
    await store.put("mine", bytes("x"), session);
    stalled.stall(5_500);
    // The clock alone decides: no timer has run yet.
    expect(session.isAlive()).toBe(false);
    await stalled.advance(0);
    expect(session.lost.aborted).toBe(true);
    expect(textOf(await store.get("mine"))).toBe("x");
    await stalled.advance(500);
    expect(await store.get("mine")).toBeUndefined();
    await store.close();
  });

  it("S3: arms leases with their full TTL when it is opened again", async () => {
    const journal = new MemoryJournal();
    const before = await open(journal);
    const session = await before.openSession({ ttlMs: 6_000 });
    await before.put("mine", bytes("x"), session);
    await clock.advance(5_000);
    await before.close();
    const store = await open(journal);
    await clock.advance(5_999);
    expect(textOf(await store.get("mine"))).toBe("x");
    await clock.advance(1);
    expect(await store.get("mine")).toBeUndefined();
    await store.close();
    expect(clock.pendingTimers).toBe(0);
    expect((await journal.load()).leases).toEqual([]);
  });

  it("takes the keys of a closed session away later when the disk fails just then", async () => {
    const journal = new SlowJournal();
    journal.release();
    const store = await open(journal);
    const session = await store.openSession({ ttlMs: 6_000 });
    await store.put("mine", bytes("x"), session);
    journal.failNext(false);
    await session.close();
    await clock.advance(3_000);
    expect(await store.get("mine")).toBeUndefined();
    await close(store, journal);
  });
});

type Step =
  | { readonly kind: "put"; readonly key: string; readonly session: number | undefined }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "commit"; readonly guard: string; readonly isTrue: boolean; readonly keys: readonly string[] }
  | { readonly kind: "endSession"; readonly session: number }
  | { readonly kind: "reopen" };

const KEYS = ["a", "a/1", "a/2", "ab", "b", "b/1"];
const key = fc.constantFrom(...KEYS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("put" as const), key, session: fc.option(fc.nat(2), { nil: undefined }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      guard: key,
      isTrue: fc.boolean(),
      keys: fc.uniqueArray(key, { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("endSession" as const), session: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
);

/** The store as one would explain it: a map, a counter, and the session of each key. */
class Model {
  readonly entries = new Map<string, { value: string; create: number; mod: number; session: number | undefined }>();
  revision = 0;

  apply(puts: readonly { key: string; session: number | undefined }[], deletes: readonly string[]): void {
    const gone = deletes.filter((name) => this.entries.has(name));
    if (puts.length + gone.length === 0) return;
    this.revision += 1;
    for (const name of gone) this.entries.delete(name);
    for (const { key: name, session } of puts) {
      const create = this.entries.get(name)?.create ?? this.revision;
      this.entries.set(name, { value: String(this.revision), create, mod: this.revision, session });
    }
  }

  endSessions(ended: (session: number) => boolean): void {
    const names = [...this.entries].filter(([, entry]) => entry.session !== undefined && ended(entry.session));
    this.apply(
      [],
      names.map(([name]) => name),
    );
  }

  list(prefix: string): unknown[] {
    return [...this.entries]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { value, create, mod }]) => [name, value, create, mod]);
  }
}

describe("EmbeddedStore, whatever is done to it", () => {
  it("holds what a plain map with a counter would, and its watches tell the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const journal = new MemoryJournal();
        const model = new Model();
        let store = await open(journal);
        let sessions: Session[] = [];
        const openSessions = async () => {
          sessions = [];
          for (let index = 0; index < 3; index += 1) sessions.push(await store.openSession({ ttlMs: 5_000 }));
        };
        await openSessions();
        let follower = new StoreFollower(store, "a");
        for (const next of steps) {
          const value = () => bytes(String(model.revision));
          switch (next.kind) {
            case "put": {
              model.apply([next], []);
              const session = next.session === undefined ? undefined : sessions[next.session];
              expect(await store.put(next.key, value(), session)).toBe(model.revision);
              break;
            }
            case "delete": {
              const existed = model.entries.has(next.key);
              model.apply([], [next.key]);
              expect(await store.delete(next.key)).toBe(existed);
              break;
            }
            case "commit": {
              const mod = model.entries.get(next.guard)?.mod ?? 0;
              const [deleted, ...put] = next.keys;
              if (next.isTrue) {
                model.apply(
                  put.map((name) => ({ key: name, session: undefined })),
                  deleted === undefined ? [] : [deleted],
                );
              }
              const result = await store.commit({
                conditions: [{ key: next.guard, modRevision: next.isTrue ? mod : mod + 1 }],
                operations: [
                  ...(deleted === undefined ? [] : [{ kind: "delete" as const, key: deleted }]),
                  ...put.map((name) => ({ kind: "put" as const, key: name, value: value() })),
                ],
              });
              expect(result).toEqual({ succeeded: next.isTrue, revision: model.revision });
              break;
            }
            case "endSession": {
              model.endSessions((session) => session === next.session);
              await sessions[next.session]!.close();
              sessions[next.session] = await store.openSession({ ttlMs: 5_000 });
              break;
            }
            case "reopen": {
              await store.close();
              await follower.stop();
              expect(follower.disorders).toEqual([]);
              store = await open(journal);
              await openSessions();
              const leased = [...model.entries].filter(([, entry]) => entry.session !== undefined);
              await clock.advance(5_000);
              // Each lease runs out by itself, in the order in which it was granted; the revisions are the store's affair.
              for (const [name] of leased) expect(await store.get(name)).toBeUndefined();
              for (const session of [0, 1, 2]) model.endSessions((of) => of === session);
              expect((await store.list("")).revision).toBe(model.revision);
              follower = new StoreFollower(store, "a");
              break;
            }
          }
          for (const prefix of ["", "a", "a/", "b/"]) {
            const { revision, entries } = await store.list(prefix);
            expect(entries.map(asRow)).toEqual(model.list(prefix));
            expect(revision).toBe(model.revision);
          }
        }
        await settle();
        expect([...follower.record].sort()).toEqual(model.list("a").map((row) => (row as string[]).slice(0, 2)));
        expect(follower.disorders).toEqual([]);
        await store.close();
        await follower.stop();
      }),
      { numRuns: 150 },
    );
  });
});

function asRow(entry: StoreEntry): unknown[] {
  return [entry.key, textOf(entry), entry.createRevision, entry.modRevision];
}

async function close(store: EmbeddedStore, journal: SlowJournal): Promise<void> {
  journal.release();
  await store.close();
}

/** A journal whose appends wait for `release`, and fail when told to. */
class SlowJournal implements Journal {
  readonly batchSizes: number[] = [];
  readonly #inner = new MemoryJournal();
  #gate: Promise<void>;
  #open: () => void = () => {};
  #failure: { readonly reachesDisk: boolean } | undefined;

  constructor() {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  /** From now on appends do not wait. */
  release(): void {
    this.#open();
  }

  failNext(reachesDisk: boolean): void {
    this.#failure = { reachesDisk };
  }

  load() {
    return this.#inner.load();
  }

  async append(batch: JournalBatch): Promise<void> {
    this.batchSizes.push(batch.records.length);
    await this.#gate;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure?.reachesDisk !== false) await this.#inner.append(batch);
    if (failure) throw new Error("EIO: the disk failed");
  }

  close() {
    return this.#inner.close();
  }
}

/** A clock of a process that can stand still: time passes, but no timer runs until `advance`, and then late. */
class StallingClock extends ManualClock {
  #earliestMs = -Infinity;

  stall(durationMs: number): void {
    this.#earliestMs = this.monotonicMs() + durationMs;
  }

  override monotonicMs(): number {
    return Math.max(super.monotonicMs(), this.#earliestMs);
  }

  override after(delayMs: number, callback: () => void) {
    return super.after(delayMs + this.monotonicMs() - super.monotonicMs(), callback);
  }

  override async advance(durationMs: number): Promise<void> {
    await super.advance(this.monotonicMs() - super.monotonicMs() + durationMs);
  }
}
