import type { AgentRecord } from "../../../src/core/agent";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { DEFAULT_INTENT, type Intent } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import { ClusterView } from "../../../src/director/cluster-view";
import { EventLog } from "../../../src/director/event-log";
import { encodeRecord, KEYS, readFact } from "../../../src/director/records";
import { StoreRecovery } from "../../../src/director/store-recovery";
import { openStore } from "../../../src/store/open-store";
import type { Store, WatchEvent } from "../../../src/store/store";
import { ManualClock } from "../../../src/testing/manual-clock";

const intent = (kind: Intent["kind"], reason = ""): Intent => ({ ...DEFAULT_INTENT, kind, reason, setAtUnixMs: 1 });

const random = seededRandom(1);

async function emptyStore(clock: ManualClock): Promise<Store> {
  return openStore({ engine: "embedded" }, { clock, random, logger: SILENT_LOGGER });
}

/** Directors whose store can be put in another's place under them, as when its data is lost. */
async function open() {
  const clock = new ManualClock();
  let current = await emptyStore(clock);
  let swapped = new AbortController();
  const store = {
    commit: (transaction) => current.commit(transaction),
    put: (key, value) => current.put(key, value),
    watch: async function* (prefix, signal): AsyncIterable<WatchEvent> {
      while (!signal.aborted) yield* current.watch(prefix, AbortSignal.any([signal, swapped.signal]));
    },
  } as Pick<Store, "commit" | "put" | "watch"> as Store;
  let ids = 0;
  const director = async () => {
    const stop = new AbortController();
    const view = new ClusterView(store, SILENT_LOGGER);
    const log = new EventLog(view, clock);
    const told: string[] = [];
    const newId = () => `id-${(ids += 1)}`;
    const recovery = new StoreRecovery({ store, view, clock, random, logger: SILENT_LOGGER, newId });
    void view.run(stop.signal);
    void recovery.run(stop.signal);
    await clock.advance(5_000);
    const read = async () => {
      for await (const event of log.watch(view.revision, stop.signal)) told.push(`${event.kind} ${event.detail}`);
    };
    void read();
    await clock.advance(0);
    told.length = 0;
    return { view, told, log, stop: () => stop.abort() };
  };
  const replace = async (next: Store) => {
    const old = current;
    current = next;
    const cut = swapped;
    swapped = new AbortController();
    cut.abort();
    await old.close();
    await clock.advance(0);
  };
  const stored = async (key: string) => {
    const entry = await current.get(key);
    return entry && readFact(key, entry.value)?.value;
  };
  return { clock, director, store, replace, stored, current: () => current };
}

const CORDON = intent("cordoned", "disk");
const AGENT: AgentRecord = {
  name: "crawler",
  services: [],
  match: "",
  onlyMemberId: "",
  parameters: {},
  state: "running",
  reason: "assigned",
  memberId: "w1",
  generation: 3,
  createdAtUnixMs: 1,
  assignedAtUnixMs: 2,
  moves: 2,
  failures: 0,
};

describe("StoreRecovery", () => {
  it("gives a store an identity once, however many directors there are", async () => {
    const { director, stored } = await open();
    const [one, two] = [await director(), await director()];
    expect([one.view.identity, two.view.identity, await stored(KEYS.identity)]).toEqual(["id-1", "id-1", "id-1"]);
  });

  it("keeps what was acknowledged in force when the store is emptied, and writes it back, with no event for it", async () => {
    const { clock, director, store, replace, stored } = await open();
    const { view, told } = await director();
    await store.put(KEYS.intent("w1"), encodeRecord(CORDON));
    await store.put(KEYS.balancing, encodeRecord("round-robin"));
    await store.put(KEYS.descriptors("abc"), Buffer.from([0, 255, 7]));
    await store.put(KEYS.agent("crawler"), encodeRecord(AGENT));
    await clock.advance(10);
    told.length = 0;
    await replace(await emptyStore(clock));
    expect(view.agents.get("crawler")).toEqual(AGENT);
    expect([view.intent("w1"), view.balancing, view.descriptors.size]).toEqual([CORDON, "round-robin", 1]);
    await clock.advance(2_000);
    expect([view.lost.size, told]).toEqual([0, []]);
    expect(await stored(KEYS.intent("w1"))).toEqual(CORDON);
    expect(await stored(KEYS.agent("crawler"))).toEqual(AGENT);
    expect(await stored(KEYS.balancing)).toBe("round-robin");
    expect(Buffer.from((await stored(KEYS.descriptors("abc"))) as Uint8Array)).toEqual(Buffer.from([0, 255, 7]));
    expect(view.identity).toBe("id-2");
  });

  it("R2 does not write over what somebody has set in the new store", async () => {
    const { clock, director, store, replace, stored } = await open();
    const { view } = await director();
    await store.put(KEYS.intent("w1"), encodeRecord(CORDON));
    await clock.advance(10);
    const next = await emptyStore(clock);
    await next.put(KEYS.intent("w1"), encodeRecord(intent("standby", "newer")));
    await next.put(KEYS.identity, encodeRecord("another"));
    await replace(next);
    await clock.advance(5_000);
    expect([await stored(KEYS.intent("w1")), view.intent("w1").reason, view.identity]).toEqual([
      intent("standby", "newer"),
      "newer",
      "another",
    ]);
  });

  it("brings an older backup up to date, and keeps what changes meanwhile", async () => {
    const { clock, director, store, replace, stored } = await open();
    const { view } = await director();
    const backup = await emptyStore(clock);
    const identity = await stored(KEYS.identity);
    await backup.put(KEYS.identity, encodeRecord(identity as string));
    await backup.put(KEYS.intent("w1"), encodeRecord(intent("serving", "before")));
    for (let count = 0; count < 10; count += 1) await store.put(KEYS.balancing, encodeRecord("random"));
    await store.put(KEYS.intent("w1"), encodeRecord(CORDON));
    await store.put(KEYS.intent("w2"), encodeRecord(CORDON));
    await clock.advance(10);
    await replace(backup);
    expect([view.intent("w1"), view.intent("w2")]).toEqual([CORDON, CORDON]);
    await clock.advance(2_000);
    expect([await stored(KEYS.intent("w1")), await stored(KEYS.intent("w2")), view.lost.size]).toEqual([
      CORDON,
      CORDON,
      0,
    ]);
  });

  it("tells a director that comes back later that the store was emptied meanwhile", async () => {
    const { clock, director, store, replace, stored } = await open();
    const { view } = await director();
    await store.put(KEYS.intent("w1"), encodeRecord(CORDON));
    await clock.advance(10);
    const next = await emptyStore(clock);
    for (let count = 0; count < 50; count += 1) await next.put(KEYS.balancing, encodeRecord("random"));
    await next.put(KEYS.identity, encodeRecord("made-while-it-was-away"));
    await replace(next);
    await clock.advance(2_000);
    expect([view.intent("w1"), await stored(KEYS.intent("w1"))]).toEqual([CORDON, CORDON]);
  });

  it("starts over who resumes events from a revision of the store that was lost", async () => {
    const { clock, director, store, replace } = await open();
    const { view, log } = await director();
    await store.put(KEYS.intent("w1"), encodeRecord(CORDON));
    await store.put(KEYS.intent("w1"), encodeRecord(intent("serving")));
    await clock.advance(10);
    const before = view.revision;
    await replace(await emptyStore(clock));
    await clock.advance(2_000);
    for await (const event of log.watch(before, new AbortController().signal)) {
      expect(event.kind).toBe("reset");
      break;
    }
  });
});
