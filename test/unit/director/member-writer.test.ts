import { SILENT_LOGGER } from "../../../src/core/logger";
import { NO_RESOURCES, type MemberRecord } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import { ClusterView } from "../../../src/director/cluster-view";
import { MemberWriter } from "../../../src/director/member-writer";
import { encodeRecord, KEYS, readFact } from "../../../src/director/records";
import { openStore } from "../../../src/store/open-store";
import type { Session } from "../../../src/store/store";
import { FaultyStore } from "../../../src/testing/faulty-store";
import { ManualClock } from "../../../src/testing/manual-clock";

const NO_FAULTS = { refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 0 };

function record(memberId: string, given: Partial<MemberRecord> = {}): MemberRecord {
  return {
    memberId,
    label: memberId,
    address: `${memberId}:7000`,
    incarnation: 5,
    services: [],
    descriptorSetHash: "",
    slots: 0,
    tags: {},
    resources: NO_RESOURCES,
    role: "worker",
    version: "",
    dataKeepalive: true,
    liveness: { kind: "attached" },
    state: "alive",
    stateReason: "",
    stateSinceUnixMs: 0,
    joinedAtUnixMs: 0,
    homeDirectorId: "d1",
    ...given,
  };
}

async function open(given: { readonly session?: () => Session | undefined } = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const inner = await openStore({ engine: "embedded" }, { clock, random, logger: SILENT_LOGGER });
  const store = new FaultyStore(inner, { clock, random, faults: NO_FAULTS });
  const view = new ClusterView(store, SILENT_LOGGER);
  void view.run(new AbortController().signal);
  const released: string[] = [];
  const writer = new MemberWriter({
    directorId: "d1",
    store,
    view,
    clock,
    random,
    logger: SILENT_LOGGER,
    session: given.session ?? (() => undefined),
    released: (memberId) => void released.push(memberId),
  });
  await clock.advance(0);
  const stored = async (memberId: string) => {
    const entry = await inner.get(KEYS.member(memberId));
    return entry && (readFact(entry.key, entry.value)?.value as MemberRecord);
  };
  return { clock, inner, store, view, writer, released, stored };
}

describe("MemberWriter", () => {
  it("W1 writes the latest state, and deletes what is to go", async () => {
    const { clock, writer, stored } = await open();
    writer.put(record("w1", { state: "joining" }));
    writer.put(record("w1", { state: "alive" }));
    writer.put(record("w1", { state: "suspect" }));
    await clock.advance(10);
    const first = (await stored("w1"))?.state;
    writer.delete("w1");
    await clock.advance(10);
    expect([first, await stored("w1"), writer.pending]).toEqual(["suspect", undefined, 0]);
  });

  it("a member that is attached goes with its director's lease, and one that reports stays: no other director would write it again", async () => {
    const sessions: Session[] = [];
    const { clock, inner, writer, stored } = await open({ session: () => sessions[0] });
    sessions.push(await inner.openSession({ ttlMs: 10_000 }));
    writer.put(record("attached"));
    writer.put(record("reports", { liveness: { kind: "reported", ttlMs: 90_000 } }));
    await clock.advance(10);
    expect([await stored("attached"), await stored("reports")]).toMatchObject([{ state: "alive" }, { state: "alive" }]);
    await sessions[0]?.close();
    await clock.advance(10);
    expect(await stored("attached")).toBeUndefined();
    expect(await stored("reports")).toMatchObject({ state: "alive" });
  });

  it("W2 tries again until the store takes it, and shows it meanwhile", async () => {
    const { clock, store, writer, view, stored } = await open();
    store.faults = { ...NO_FAULTS, refuseRatio: 1 };
    writer.put(record("w1"));
    await clock.advance(10_000);
    const shown = view.members.get("w1")?.state;
    store.faults = NO_FAULTS;
    await clock.advance(3_000);
    expect([shown, (await stored("w1"))?.state, writer.pending]).toEqual(["alive", "alive", 0]);
    // The overlay has ended: what others write is seen.
    await store.put(KEYS.member("w1"), encodeRecord(record("w1", { homeDirectorId: "d2" })));
    await clock.advance(10);
    expect(view.members.get("w1")?.homeDirectorId).toBe("d2");
  });

  it("W3 writes nothing over a later stream of the same life that the watch has brought, and lets the member go", async () => {
    const { clock, inner, writer, released, stored } = await open();
    await inner.put(KEYS.member("w1"), encodeRecord(record("w1", { homeDirectorId: "d2", attachment: 3 })));
    await clock.advance(10);
    writer.put(record("w1", { attachment: 2, state: "suspect" }));
    await clock.advance(10);
    expect([(await stored("w1"))?.homeDirectorId, released, writer.pending]).toEqual(["d2", ["w1"], 0]);
  });

  it("W3 writes nothing over a later stream that the watch has brought while its own write was tried again", async () => {
    const { clock, inner, store, view, writer, released, stored } = await open();
    store.faults = { ...NO_FAULTS, refuseRatio: 1 };
    writer.put(record("w1", { attachment: 2, state: "dead" }));
    await clock.advance(10);
    const meanwhile = view.members.get("w1")?.state;
    await inner.put(KEYS.member("w1"), encodeRecord(record("w1", { homeDirectorId: "d2", attachment: 3 })));
    store.faults = NO_FAULTS;
    await clock.advance(5_000);
    expect([meanwhile, released]).toEqual(["dead", ["w1"]]);
    expect(await stored("w1")).toMatchObject({ homeDirectorId: "d2", attachment: 3 });
    expect(view.members.get("w1")).toMatchObject({ homeDirectorId: "d2", state: "alive" });
  });

  it("W3 forgets its own, and not the life that followed at another director", async () => {
    const { clock, inner, writer, stored } = await open();
    writer.put(record("w1", { state: "left" }));
    await clock.advance(10);
    await inner.put(KEYS.member("w1"), encodeRecord(record("w1", { homeDirectorId: "d2", incarnation: 6 })));
    await clock.advance(10);
    writer.delete("w1");
    await clock.advance(10);
    expect(await stored("w1")).toMatchObject({ homeDirectorId: "d2", incarnation: 6 });
    expect(writer.pending).toBe(0);
  });

  it("W2 loses nothing when answers are lost", async () => {
    const { clock, store, writer, stored } = await open();
    store.faults = { ...NO_FAULTS, loseAnswerRatio: 0.5, delayMaxMs: 20 };
    for (const state of ["joining", "alive", "suspect", "alive", "draining"] as const) {
      for (const name of ["w1", "w2", "w3"]) writer.put(record(name, { state }));
      await clock.advance(30);
    }
    store.faults = NO_FAULTS;
    await clock.advance(10_000);
    const states = await Promise.all(["w1", "w2", "w3"].map(async (name) => (await stored(name))?.state));
    expect(states).toEqual(["draining", "draining", "draining"]);
  });

  it("W2 one that must wait keeps nobody else waiting", async () => {
    const { clock, store, writer } = await open();
    store.faults = { ...NO_FAULTS, refuseRatio: 1 };
    for (let number = 0; number < 64; number += 1) writer.put(record(`early${number}`));
    await clock.advance(8_000);
    store.faults = NO_FAULTS;
    for (let number = 0; number < 200; number += 1) writer.put(record(`late${number}`));
    await clock.advance(2_100);
    expect(writer.pending).toBe(0);
  });

  it.each<[string, Partial<MemberRecord>, Partial<MemberRecord>, boolean]>([
    ["an older life", { incarnation: 6, homeDirectorId: "d2" }, { incarnation: 5 }, false],
    ["a newer life", { incarnation: 4, homeDirectorId: "d2" }, { incarnation: 5 }, true],
    ["a suspicion about a worker that moved on", { homeDirectorId: "d2" }, { state: "suspect" }, false],
    ["a verdict on a worker that moved on", { homeDirectorId: "d2" }, { state: "dead" }, false],
    ["the same life, attached here now", { homeDirectorId: "d2" }, { state: "alive" }, true],
  ])("W3 %s: written only if nothing newer is there", async (_what, there, wanted, isWritten) => {
    const { clock, inner, writer, released, stored } = await open();
    writer.put(record("w1", { incarnation: 3 }));
    await clock.advance(10);
    // Another director writes, and in the same moment this one decides.
    await inner.put(KEYS.member("w1"), encodeRecord(record("w1", there)));
    writer.put(record("w1", wanted));
    await clock.advance(10);
    const { incarnation, state, homeDirectorId } = (await stored("w1"))!;
    const expected = record("w1", isWritten ? wanted : there);
    expect({ incarnation, state, homeDirectorId }).toEqual({
      incarnation: expected.incarnation,
      state: expected.state,
      homeDirectorId: expected.homeDirectorId,
    });
    expect(released).toEqual(isWritten ? [] : ["w1"]);
  });
});
