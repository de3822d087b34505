import { ROW_FIELDS, type FeedSnapshot, type WireRow } from "../../../src/dashboard/feed-messages";
import { commandOf } from "../../../src/dashboard/model/actions";
import { modelOfSnapshot, withDelta } from "../../../src/dashboard/model/cluster-model";
import { formatRoute, parseRoute, START } from "../../../src/dashboard/model/route";
import { reasonOf, situationOf } from "../../../src/dashboard/model/situation";
import { workerOf, type Worker } from "../../../src/dashboard/model/worker";
import { filterWorkers, sortWorkers } from "../../../src/dashboard/model/worker-order";
import { ago, count, duration, milliseconds } from "../../../src/dashboard/model/words";

function worker(changes: Partial<Worker> = {}): Worker {
  const empty = workerOf([1], ROW_FIELDS);
  return {
    ...empty,
    memberId: "w1",
    label: "w1",
    state: "alive",
    intent: "serving",
    ready: true,
    slots: 4,
    ...changes,
  };
}

describe("A worker's situation", () => {
  it.each<[string, Partial<Worker>]>([
    ["ready", {}],
    ["full", { inFlight: 4 }],
    ["ready", { inFlight: 9, slots: 0 }],
    ["gone", { state: "dead", ready: false, inFlight: 4 }],
    ["gone", { state: "left", ready: false }],
    ["suspect", { state: "suspect", ready: false }],
    ["unready", { ready: false }],
    ["joining", { state: "joining", ready: false }],
    ["cordoned", { intent: "cordoned", ready: false }],
    ["draining", { intent: "draining", ready: false, inFlight: 4 }],
    ["draining", { state: "draining", ready: false }],
    ["maintenance", { intent: "maintenance", state: "draining", ready: false }],
    ["standby", { intent: "standby" }],
    ["full", { intent: "standby", inFlight: 4 }],
    ["gone", { intent: "draining", state: "dead", ready: false }],
  ])("is %s with %j", (situation, changes) => expect(situationOf(worker(changes))).toBe(situation));

  it("comes with the reason of whoever caused it", () => {
    expect(reasonOf(worker({ intent: "draining", intentReason: "new kernel" }))).toBe(
      "Finishes the calls it has: new kernel",
    );
    expect(reasonOf(worker({ state: "dead", stateReason: "unreachable" }))).toBe("Judged dead: unreachable");
  });
});

describe("The table's order and filter", () => {
  const workers = [
    worker({ memberId: "w10", label: "w10", p99Ms: 5 }),
    worker({ memberId: "w2", label: "w2", p99Ms: 50, tags: { zone: "a" } }),
    worker({ memberId: "w1", label: "w1", state: "dead", services: ["x.Y"] }),
  ];
  const ids = (of: readonly Worker[]) => of.map(({ memberId }) => memberId).join();

  it("has what needs a person first, and equals by name, numbers by their value", () => {
    expect(ids(sortWorkers(workers, { key: "situation", descending: false }))).toBe("w1,w2,w10");
    expect(ids(sortWorkers(workers, { key: "p99", descending: true }))).toBe("w2,w10,w1");
  });

  it("finds by every word, in names, tags and services", () => {
    const find = (text: string) => ids(filterWorkers(workers, { text, situation: undefined }));
    expect([find("zone=a"), find("X.Y"), find("w zone=a"), find("zone=b"), find(" ")]).toEqual([
      "w2",
      "w1",
      "w2",
      "",
      "w10,w2,w1",
    ]);
    expect(ids(filterWorkers(workers, { text: "", situation: "gone" }))).toBe("w1");
  });
});

describe("The model", () => {
  const row = (handle: number, memberId: string, inFlight: number): WireRow => [
    handle,
    ...ROW_FIELDS.map((field) => (field === "memberId" ? memberId : field === "inFlight" ? inFlight : "")),
  ];
  const snapshot: FeedSnapshot = {
    atUnixMs: 1,
    directorId: "d1",
    fields: ROW_FIELDS,
    rows: [row(1, "w1", 0), row(2, "w2", 0)],
    cluster: null,
    events: [],
    points: [],
    agents: [],
    trouble: null,
  };

  it("follows the deltas, and shares what did not change", () => {
    const before = modelOfSnapshot(snapshot);
    const index = ROW_FIELDS.indexOf("inFlight");
    const after = withDelta(before, { atUnixMs: 2, added: [row(3, "w3", 1)], changed: [[2, index, 7]], removed: [1] });
    expect([...after.workers.values()].map((of) => [of.memberId, of.inFlight])).toEqual([["w2", 7], ["w3", 1]]); // prettier-ignore
    expect(withDelta(after, { atUnixMs: 3 }).workers).toBe(after.workers);
    expect(before.workers.get(2)?.inFlight).toBe(0);
  });

  it("reads rows by the names that the director gives, whatever their order", () => {
    const fields = ["later", "inFlight", "memberId"];
    const model = modelOfSnapshot({ ...snapshot, fields, rows: [[1, "new", 5, "w9"]] });
    expect(model.workers.get(1)).toMatchObject({ memberId: "w9", inFlight: 5, label: "", slots: 0, tags: {} });
  });
});

describe("The address of the page", () => {
  it.each([
    "#/workers",
    "#/workers/w%2F1",
    "#/calls?director=d2",
    "#/workers?q=zone%3Da+b&state=full&sort=-p99",
    "#/workers?sort=-situation",
  ])("%s is read and written alike", (hash) => expect(formatRoute(parseRoute(hash))).toBe(hash));

  it.each(["", "#", "#/nowhere", "#/workers?sort=colour&state=odd", "#/workers/%E0%A4%A"])(
    "takes the default for what it cannot read in %j",
    (hash) => expect(parseRoute(hash)).toEqual(START),
  );
});

describe("The commands beside the actions", () => {
  const form = { reason: "it's hot", author: "ada", deadlineMinutes: 0, force: true, choice: "" };

  it("are what a shell takes", () => {
    expect(commandOf({ kind: "drain", memberId: "w 1" }, form)).toBe(
      `heddle nodes drain 'w 1' --no-deadline --force --reason 'it'\\''s hot' --by ada`,
    );
    expect(commandOf({ kind: "resume", memberId: "w1" }, { ...form, reason: "", author: "" })).toBe(
      "heddle nodes resume w1",
    );
    expect(commandOf({ kind: "transfer", leaderId: "a", candidates: ["b"] }, form)).toBe("heddle leader transfer");
  });
});

describe("Numbers and times", () => {
  it.each([
    [count(9_999), "9999"],
    [count(12_345), "12.3k"],
    [count(2_500_000), "2.5M"],
    [milliseconds(0), "–"],
    [milliseconds(0.123), "0.12 ms"],
    [milliseconds(640.2), "640 ms"],
    [milliseconds(2_000), "2 s"],
    [duration(45_000), "45 s"],
    [duration(600_000), "10 min"],
    [duration(3 * 86_400_000), "3 d"],
    [ago(1_000, 1_500), "just now"],
    [ago(1_000, 13_400), "12 s ago"],
  ])("%s is %s", (shown, expected) => expect(shown).toBe(expected));
});
