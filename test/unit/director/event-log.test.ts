import { SILENT_LOGGER } from "../../../src/core/logger";
import { DEFAULT_INTENT, NO_RESOURCES, type MemberRecord, type MemberState } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import { ClusterView } from "../../../src/director/cluster-view";
import { EventLog, type LoggedEvent } from "../../../src/director/event-log";
import { encodeRecord, KEYS } from "../../../src/director/records";
import { openStore } from "../../../src/store/open-store";
import type { Store, WatchEvent } from "../../../src/store/store";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

function record(memberId: string, state: MemberState): MemberRecord {
  return {
    memberId,
    label: memberId,
    address: `${memberId}:7000`,
    incarnation: 1,
    services: [],
    descriptorSetHash: "",
    slots: 0,
    tags: {},
    resources: NO_RESOURCES,
    role: "worker",
    version: "",
    dataKeepalive: true,
    liveness: { kind: "attached" },
    state,
    stateReason: "",
    stateSinceUnixMs: 0,
    joinedAtUnixMs: 0,
    homeDirectorId: "d1",
  };
}

async function open() {
  const clock = new ManualClock();
  const store = await openStore({ engine: "embedded" }, { clock, random: seededRandom(1), logger: SILENT_LOGGER });
  return { clock, store };
}

/** A view of the store, and the events from when it was first read. */
async function follow(store: Store, clock: ManualClock) {
  const view = new ClusterView(store, SILENT_LOGGER);
  const log = new EventLog(view, clock);
  const told: LoggedEvent[] = [];
  const { signal } = new AbortController();
  void view.run(signal);
  await settle();
  const read = async () => {
    for await (const event of log.watch(view.revision, signal)) if (event.kind !== "reset") told.push(event);
  };
  void read();
  return { view, log, told };
}

const put = (store: Store, memberId: string, state: MemberState) =>
  store.put(KEYS.member(memberId), encodeRecord(record(memberId, state)));

const words = (events: readonly LoggedEvent[]) => events.map(({ kind, memberId }) => `${kind} ${memberId}`.trim());

async function read(log: EventLog, revision: number): Promise<string[]> {
  const stop = new AbortController();
  const events: LoggedEvent[] = [];
  const reading = (async () => {
    for await (const event of log.watch(revision, stop.signal)) events.push(event);
  })();
  await settle();
  stop.abort();
  await reading;
  return words(events);
}

describe("EventLog", () => {
  it("begins with the latest events that are kept where somebody asks for those, and goes on with what follows", async () => {
    const { clock, store } = await open();
    const { log } = await follow(store, clock);
    for (const state of ["alive", "suspect", "dead"] as const) await put(store, "w1", state);
    await settle();
    const stop = new AbortController();
    const told: LoggedEvent[] = [];
    const reading = (async () => {
      for await (const event of log.watchLatest(2, stop.signal)) told.push(event);
    })();
    await put(store, "w2", "alive");
    await settle();
    stop.abort();
    await reading;
    expect(words(told)).toEqual(["node-suspected w1", "node-failed w1", "node-joined w2"]);
    await store.close();
  });

  it("tells of the very first change of an empty cluster", async () => {
    const { clock, store } = await open();
    const { told } = await follow(store, clock);
    await put(store, "w1", "alive");
    await settle();
    expect(words(told)).toEqual(["node-joined w1"]);
    await store.close();
  });

  it("tells of an intent with the member that it is for", async () => {
    const { clock, store } = await open();
    const { told } = await follow(store, clock);
    await put(store, "w1", "alive");
    await store.put(KEYS.intent("w1"), encodeRecord({ ...DEFAULT_INTENT, kind: "cordoned" }));
    await settle();
    expect(words(told)).toEqual(["node-joined w1", "intent-changed w1"]);
    expect(told.map((event) => event.record?.memberId)).toEqual(["w1", "w1"]);
  });

  it("does not tell how things stand at the start as if it happened then", async () => {
    const { clock, store } = await open();
    await put(store, "w1", "alive");
    const { told, log } = await follow(store, clock);
    await put(store, "w2", "alive");
    await settle();
    expect(words(told)).toEqual(["node-joined w2"]);
    expect(await read(log, 0)).toEqual(["reset", "node-joined w1", "node-joined w2"]);
    await store.close();
  });

  it("does not resume from before its own start, even if nothing was there then", async () => {
    const { clock, store } = await open();
    const before = await put(store, "w1", "alive");
    await store.delete(KEYS.member("w1"));
    const { log } = await follow(store, clock);
    expect(await read(log, before)).toEqual(["reset"]);
    await store.close();
  });

  it("tells who watched before the store could be read how things stand then", async () => {
    const { clock, store } = await open();
    await put(store, "w1", "alive");
    const view = new ClusterView(store, SILENT_LOGGER);
    const log = new EventLog(view, clock);
    const reading = read(log, 0);
    void view.run(new AbortController().signal);
    expect(await reading).toEqual(["reset", "reset", "node-joined w1"]);
    await store.close();
  });

  it.each<[MemberState | undefined, MemberState | undefined, string[]]>([
    [undefined, "joining", ["node-joined w1"]],
    ["joining", "alive", ["node-updated w1"]],
    ["alive", "suspect", ["node-suspected w1"]],
    ["suspect", "alive", ["node-recovered w1"]],
    ["suspect", "dead", ["node-failed w1"]],
    ["alive", "left", ["node-left w1"]],
    ["dead", "joining", ["node-joined w1"]],
    ["left", "joining", ["node-joined w1"]],
    ["alive", undefined, []],
    ["dead", undefined, []],
    ["left", undefined, []],
  ])("names the change from %s to %s", async (before, after, events) => {
    const { clock, store } = await open();
    if (before) await put(store, "w1", before);
    const { told } = await follow(store, clock);
    if (after) await put(store, "w1", after);
    else await store.delete(KEYS.member("w1"));
    await settle();
    expect(words(told)).toEqual(events);
    await store.close();
  });

  it("V1 tells changes by rising revision also when a cut watch brings them as a snapshot", async () => {
    const { clock, store } = await open();
    await put(store, "w1", "alive");
    await put(store, "w9", "alive");
    // A watch that misses what happens and then delivers everything anew.
    let restart = () => {};
    const cut = new Promise<void>((resolve) => (restart = resolve));
    const broken = {
      watch: async function* (prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
        for await (const event of store.watch(prefix, signal)) {
          yield event;
          break;
        }
        await cut;
        yield* store.watch(prefix, signal);
      },
    } as unknown as Store;
    const { told, log } = await follow(broken, clock);
    await put(store, "w9", "suspect");
    await put(store, "w1", "suspect");
    await put(store, "w5", "alive");
    const middle = (await store.list("cluster/")).revision;
    const removal = { incarnation: 1_000, reason: "sold", atUnixMs: 0 };
    await store.commit({
      conditions: [],
      operations: [
        { kind: "delete", key: KEYS.member("w9") },
        { kind: "put", key: KEYS.removal("w9"), value: encodeRecord(removal) },
      ],
    });
    restart();
    await settle();
    const revisions = told.map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(words(told)).toEqual(["node-suspected w1", "node-joined w5", "node-left w9"]);
    expect(await read(log, middle)).toEqual(["node-left w9"]);
    await store.close();
  });

  it("starts over who resumes from a revision at which this director saw something that the store does not know", async () => {
    const { clock, store } = await open();
    await put(store, "w1", "alive");
    const { told, log, view } = await follow(store, clock);
    await put(store, "w2", "alive");
    await settle();
    const before = view.revision;
    view.overlay("w1", { ...view.members.get("w1")!, state: "suspect" });
    await settle();
    expect(words(told)).toEqual(["node-joined w2", "node-suspected w1"]);
    expect((await read(log, before))[0]).toBe("reset");
    await put(store, "w3", "alive");
    await settle();
    expect(await read(log, view.revision)).toEqual([]);
    await store.close();
  });
});
