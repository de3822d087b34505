import { SILENT_LOGGER } from "../../../src/core/logger";
import { seededRandom } from "../../../src/core/random";
import { Election, type ElectionOptions } from "../../../src/store/election";
import { EmbeddedStore } from "../../../src/store/embedded/embedded-store";
import { MemoryJournal } from "../../../src/store/embedded/memory-journal";
import type { Session, Store } from "../../../src/store/store";
import { bytes } from "../../conformance/store-harness";
import { FaultyStore } from "../../../src/testing/faulty-store";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

const TTL_MS = 6_000;
const HANDOVER_MS = 2_000;

describe("Election", () => {
  let clock: ManualClock;
  let store: Store;
  let elections: Election[];

  beforeEach(async () => {
    clock = new ManualClock();
    elections = [];
    store = await EmbeddedStore.open({
      journal: new MemoryJournal(),
      clock,
      random: seededRandom(1),
      logger: SILENT_LOGGER,
    });
  });

  afterEach(async () => {
    // Campaigns wait on the clock; stopping them does not.
    await Promise.all(elections.map((election) => election.stop()));
    await store.close();
    expect(clock.pendingTimers).toBe(0);
  });

  function start(directorId: string, options: Partial<ElectionOptions> = {}): Election {
    const election = Election.start({
      store,
      clock,
      random: seededRandom(directorId.length + elections.length),
      logger: SILENT_LOGGER,
      candidate: { directorId, address: `${directorId}:61000` },
      ttlMs: TTL_MS,
      handoverMs: HANDOVER_MS,
      ...options,
    });
    elections.push(election);
    return election;
  }

  /** A leads, B and C wait. */
  async function three(options: Partial<ElectionOptions> = {}): Promise<[Election, Election, Election]> {
    const a = start("a", options);
    await settle();
    const [b, c] = [start("b"), start("c")];
    await settle();
    return [a, b, c];
  }

  const leaders = () => elections.filter((election) => election.isLeader());

  it("makes the first candidate the leader at once, and everyone sees it", async () => {
    const all = await three();
    expect(leaders()).toEqual([all[0]]);
    for (const election of all) {
      expect(election.leader()).toMatchObject({ directorId: "a", address: "a:61000" });
      expect(election.candidates().map(({ directorId }) => directorId)).toEqual(["a", "b", "c"]);
    }
  });

  it("E1: of many candidates at once one leads", async () => {
    for (let index = 0; index < 10; index += 1) start(`d${index}`);
    await clock.advance(1_000);
    expect(leaders()).toHaveLength(1);
  });

  it("lets another lead at once when the leader stops, with a higher epoch", async () => {
    const [a, b, c] = await three();
    const { epoch } = a.leader()!;
    await a.stop();
    await settle();
    expect([b, c].filter((election) => election.isLeader())).toHaveLength(1);
    expect(b.leader()!.epoch).toBeGreaterThan(epoch);
    expect(c.leader()).toEqual(b.leader());
  });

  it("E3: a leader whose session is lost knows before the store gives the key to another", async () => {
    const mortal = new MortalStore(store, clock);
    const [a, b, c] = await three({ store: mortal });
    const term = a.term()!;
    mortal.cutOff();
    await clock.advance(TTL_MS - 1_000);
    expect(leaders().length).toBeLessThanOrEqual(1);
    await clock.advance(1_000);
    expect(term.ended.aborted).toBe(true);
    expect(a.isLeader()).toBe(false);
    expect([b, c].filter((election) => election.isLeader())).toHaveLength(1);
  });

  it("E3: the term ends in the very turn in which the session is lost", async () => {
    const mortal = new MortalStore(store, clock);
    const a = start("a", { store: mortal });
    await settle();
    const term = a.term()!;
    const endedAtOnce: boolean[] = [];
    mortal.onLoss = () => endedAtOnce.push(term.ended.aborted);
    mortal.cutOff();
    await clock.advance(TTL_MS);
    expect(endedAtOnce[0]).toBe(true);
  });

  it("E4: the fence of a former leader does not hold, so that its writes do nothing", async () => {
    const [a, b] = await three();
    const stale = a.fence();
    await a.transferTo("b");
    const write = { conditions: [stale], operations: [{ kind: "put", key: "singleton", value: bytes("a") } as const] };
    expect(await store.commit(write)).toMatchObject({ succeeded: false });
    expect(await store.commit({ ...write, conditions: [b.fence()] })).toMatchObject({ succeeded: true });
  });

  it("E5: a waiting candidate whose session is lost does not become leader by it (the zombie of etcd3, E3)", async () => {
    const mortal = new MortalStore(store, clock);
    const [a] = await three();
    const b = start("zombie", { store: mortal });
    await settle();
    mortal.cutOff();
    await clock.advance(TTL_MS);
    await a.stop();
    await clock.advance(1_000);
    expect(b.isLeader()).toBe(false);
    expect(leaders()).toHaveLength(1);
    expect(leaders()[0]!.leader()!.directorId).not.toBe("zombie");
  });

  it("stands again with a new session after it lost one", async () => {
    const mortal = new MortalStore(store, clock);
    const a = start("a", { store: mortal });
    await settle();
    const { epoch } = a.leader()!;
    mortal.cutOff();
    await clock.advance(TTL_MS);
    expect(a.isLeader()).toBe(false);
    mortal.restore();
    await clock.advance(3_000);
    expect(a.isLeader()).toBe(true);
    expect(a.leader()!.epoch).toBeGreaterThan(epoch);
  });

  it("E6: hands the lead to the named director without letting time pass, whoever else waits", async () => {
    const [a, b, c] = await three();
    const before = clock.monotonicMs();
    const leader = await a.transferTo("c");
    expect(clock.monotonicMs()).toBe(before);
    expect(leader.directorId).toBe("c");
    expect(leaders()).toEqual([c]);
    await clock.advance(10 * TTL_MS);
    expect(leaders()).toEqual([c]);
    expect(b.leader()).toEqual(leader);
    expect(await store.get("election/successor")).toBeUndefined();
  });

  it("E6: lets another lead when the named successor dies before it takes over", async () => {
    const mortal = new MortalStore(store, clock);
    const [a, b] = await three();
    const chosen = start("chosen", { store: mortal });
    await settle();
    mortal.cutOff();
    const refused = expect(a.transferTo("chosen")).rejects.toMatchObject({ code: "LEADER_UNAVAILABLE" });
    await clock.advance(HANDOVER_MS + 1_000);
    await refused;
    expect(chosen.isLeader()).toBe(false);
    expect(leaders()).toHaveLength(1);
    expect(b.leader()!.directorId).not.toBe("chosen");
    await clock.advance(TTL_MS);
  });

  it("refuses to hand over to a director that does not take part, and goes on leading", async () => {
    const [a] = await three();
    await expect(a.transferTo("nobody")).rejects.toMatchObject({ code: "LEADER_UNAVAILABLE" });
    expect(a.isLeader()).toBe(true);
  });

  it("refuses to hand over, resign or fence where it does not lead", async () => {
    const [, b] = await three();
    await expect(b.transferTo("c")).rejects.toMatchObject({ code: "LEADER_UNAVAILABLE" });
    await expect(b.resign()).rejects.toMatchObject({ code: "LEADER_UNAVAILABLE" });
    expect(() => b.fence()).toThrow("[LEADER_UNAVAILABLE] b does not lead; a does");
  });

  it("ends its term before the key is given up, so that two terms never overlap", async () => {
    const [a, b] = await three();
    const term = a.term()!;
    const overlaps: string[] = [];
    const watching = (async () => {
      for await (const state of b.states(new AbortController().signal)) {
        if (state.term && term.isCurrent()) overlaps.push(`epoch ${state.term.epoch}`);
      }
    })();
    await a.transferTo("b");
    expect(term.ended.aborted).toBe(true);
    expect(overlaps).toEqual([]);
    await b.stop();
    await watching;
  });

  it("E3: does not begin its term again when something else changes while the lead is handed over", async () => {
    const slow = new FaultyStore(store, {
      clock,
      random: seededRandom(3),
      faults: { refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 500 },
    });
    const a = start("a", { store: slow });
    await clock.advance(1_000);
    const b = start("b");
    await settle();
    expect(a.isLeader()).toBe(true);
    const handover = a.transferTo("b");
    const late = start("late");
    await settle();
    expect(a.candidates().map(({ directorId }) => directorId)).toContain("late");
    expect(late.leader()!.directorId).toBe("a");
    expect(a.isLeader()).toBe(false);
    await clock.advance(1_000);
    expect((await handover).directorId).toBe("b");
    expect(leaders()).toEqual([b]);
    slow.faults = { refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 0 };
  });

  it("resigns to whoever is there, and leads again after a while when nobody is", async () => {
    const a = start("a");
    await settle();
    await a.resign();
    await clock.advance(HANDOVER_MS - 1);
    expect(a.isLeader()).toBe(false);
    await clock.advance(1_001);
    expect(a.isLeader()).toBe(true);
    const b = start("b");
    await settle();
    await a.resign();
    await settle();
    expect(leaders()).toEqual([b]);
  });

  it("tells the state first, then every change, and ends when stopped", async () => {
    const a = start("a");
    const seen: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const { leader, term } of a.states(new AbortController().signal)) {
        seen.push(leader && `${leader.directorId}${term ? " leads" : ""}`);
      }
    })();
    await settle();
    await a.stop();
    await watching;
    expect(seen).toEqual([undefined, "a leads"]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("has one leader at most, on a store on a bad day (seed %i)", async (seed) => {
    const random = seededRandom(seed);
    const faults = { refuseRatio: 0.2, loseAnswerRatio: 0.2, cutRatio: 0.3, delayMaxMs: 300 };
    const bad = ["a", "b", "c", "d"].map((directorId) =>
      start(directorId, { store: new FaultyStore(store, { clock, random, faults }) }),
    );
    const crowds: number[] = [];
    let turnsLed = 0;
    for (let turn = 0; turn < 300; turn += 1) {
      await clock.advance(100);
      crowds.push(leaders().length);
      turnsLed += leaders().length;
      const leader = leaders()[0];
      if (leader && turn % 40 === 39) {
        const successor = bad[random.below(bad.length)]!;
        void leader.transferTo(successor.candidates()[0]?.directorId ?? "a").catch(() => {});
      }
    }
    expect(Math.max(...crowds)).toBe(1);
    expect(turnsLed).toBeGreaterThan(150);
    const stopping = Promise.all(bad.map((election) => election.stop()));
    await clock.advance(10_000);
    await stopping;
  });
});

/**
 * The same record as seen by a director that can be cut off from it: nothing is answered, no watch brings anything, and its
 * leases run out, first for the director itself and then in the store.
 */
class MortalStore implements Store {
  readonly engine = "embedded";
  /** Runs right after a session was lost, in the same turn. */
  onLoss: () => void = () => {};
  readonly #inner: Store;
  readonly #clock: ManualClock;
  readonly #sessions = new Set<{ readonly inner: Session; readonly lose: () => void }>();
  #isCut = false;

  constructor(inner: Store, clock: ManualClock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  cutOff(): void {
    this.#isCut = true;
    for (const { inner, lose } of this.#sessions) {
      this.#clock.after(inner.ttlMs - 600, lose);
      this.#clock.after(inner.ttlMs, () => void inner.close());
    }
    this.#sessions.clear();
  }

  restore(): void {
    this.#isCut = false;
  }

  get(key: string) {
    return this.#reach(() => this.#inner.get(key));
  }

  list(prefix: string) {
    return this.#reach(() => this.#inner.list(prefix));
  }

  commit(transaction: Parameters<Store["commit"]>[0]) {
    return this.#reach(() => this.#inner.commit(transaction));
  }

  put(key: string, value: Uint8Array, session?: Session) {
    return this.#reach(() => this.#inner.put(key, value, session));
  }

  delete(key: string) {
    return this.#reach(() => this.#inner.delete(key));
  }

  async openSession(options: { readonly ttlMs: number }): Promise<Session> {
    const inner = await this.#reach(() => this.#inner.openSession(options));
    const lost = new AbortController();
    const lose = () => {
      lost.abort(new Error("cut off"));
      this.onLoss();
    };
    const link = { inner, lose };
    this.#sessions.add(link);
    inner.lost.addEventListener("abort", link.lose);
    return {
      leaseId: inner.leaseId,
      ttlMs: inner.ttlMs,
      lost: lost.signal,
      isAlive: () => !lost.signal.aborted && inner.isAlive(),
      close: async () => {
        link.lose();
        if (!this.#isCut) await inner.close();
      },
    };
  }

  async *watch(prefix: string, signal: AbortSignal) {
    for await (const event of this.#inner.watch(prefix, signal)) {
      if (!this.#isCut) yield event;
    }
  }

  isAvailable(): boolean {
    return !this.#isCut;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #reach<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isCut) throw Object.assign(new Error("cut off"), { code: "STORE_UNAVAILABLE" });
    return operation();
  }
}
