import { type FabricClient, type MemberEvent } from "../../src/api/index";
import { Cluster, HEARTBEAT_MS, STORES, type Started } from "../support/cluster";
import { eventually } from "../support/processes";

jest.setTimeout(60_000);

/** Prints a measured time in heartbeat intervals. The machine decides how long it is; the tests assert only the order. */
function report(what: string, elapsedMs: number): void {
  process.stdout.write(`detection: ${what} ${(elapsedMs / HEARTBEAT_MS).toFixed(1)} intervals\n`);
}

/** The events of a cluster as a client sees them, each with the time of its arrival. */
class Watched {
  readonly events: (MemberEvent & { readonly atMs: number })[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(client: FabricClient, afterRevision = 0n) {
    this.#done = this.#watch(client, afterRevision);
  }

  async #watch(client: FabricClient, afterRevision: bigint): Promise<void> {
    try {
      for await (const { event } of client.director.watchEvents({ afterRevision }, { signal: this.#stop.signal })) {
        const { revision, memberId, detail, kind } = event!;
        const at = { revision: Number(revision), memberId, detail, atUnixMs: Number(event!.atUnixMs) };
        this.events.push({ ...at, kind: KINDS[kind] ?? "reset", atMs: performance.now() });
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  kindsOf(memberId: string): string[] {
    return this.events.filter((event) => event.memberId === memberId).map(({ kind }) => kind);
  }

  async until(memberId: string, kind: MemberEvent["kind"], from = 0): Promise<number> {
    const find = () => this.events.slice(from).find((event) => event.memberId === memberId && event.kind === kind);
    await eventually(
      () => `${memberId} is ${kind}, not ${this.kindsOf(memberId).join()}`,
      () => find() !== undefined,
      { everyMs: 5 },
    );
    return find()?.atMs ?? NaN;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

/** By number in the contract. */
const KINDS: readonly (MemberEvent["kind"] | undefined)[] = [
  undefined,
  "node-joined",
  "node-left",
  "node-suspected",
  "node-failed",
  "node-recovered",
  "node-updated",
  "intent-changed",
  "leader-changed",
  "balancing-changed",
  "reset",
];

describe.each(STORES)("failure detection, on %s", (store) => {
  let cluster: Cluster;
  let director: Started;
  let client: FabricClient;
  let workers: Record<string, Started>;
  let watched: Watched;

  beforeAll(async () => {
    cluster = await Cluster.open(store);
    director = await cluster.director();
    client = cluster.connect();
    const labels = ["a", "b", "c"];
    const started = await Promise.all(labels.map((label) => cluster.worker(label)));
    workers = Object.fromEntries(labels.map((label, index) => [label, started[index]!]));
    await cluster.whenReady(client, labels);
    watched = new Watched(client);
    await watched.until("c", "node-joined");
  });

  afterAll(async () => {
    await watched.end();
    await cluster.close();
  });

  it("R-08 silence makes a worker suspect by phi, without a failed call, and its next beat brings it back", async () => {
    const load = cluster.load(client);
    await load.more(60);
    const stoppedAtMs = performance.now();
    workers["a"]?.process.freeze();
    const suspectAtMs = await watched.until("a", "node-suspected");
    report(`SIGSTOP → suspect (${store})`, suspectAtMs - stoppedAtMs);
    const { member } = await client.director.getMember({ memberId: "a" });
    expect(member).toMatchObject({ ready: false });
    expect(member?.stateReason).toMatch(/^no beat for \d+ ms/);
    const perWorker = new Map(load.report.perWorker);
    await load.more(60);
    expect(load.report.perWorker.get("a")).toBe(perWorker.get("a"));

    workers["a"]?.process.thaw();
    await watched.until("a", "node-recovered");
    await cluster.whenReady(client, ["a", "b", "c"]);
    await load.more(60);
    expect((await load.stop()).failures).toEqual([]);
    expect(watched.kindsOf("a")).not.toContain("node-failed");
  });

  it("R-08 a killed worker is never picked again once that is noticed, which a broken connection makes at once", async () => {
    const mark = watched.events.length;
    const killedAtMs = performance.now();
    workers["b"]?.process.signal("SIGKILL");
    await eventually(
      "b is not picked",
      async () => {
        const explained = await client.director.explain({ method: "heddle.compute.v1.ComputeService/Execute" });
        return explained.candidates.some(({ memberId, eligible }) => memberId === "b" && !eligible);
      },
      { everyMs: 1 },
    );
    report(`SIGKILL → no further pick (${store})`, performance.now() - killedAtMs);
    const load = cluster.load(client);
    await load.more(60);
    const { failures, perWorker } = await load.stop();
    expect(failures).toEqual([]);
    expect([...perWorker.keys()]).not.toContain("b");
    const failedAtMs = await watched.until("b", "node-failed", mark);
    report(`SIGKILL → dead (${store})`, failedAtMs - killedAtMs);
  });

  it("R-08 events have rising revisions, and a watch resumed from one shows what came after, once", async () => {
    const revisions = watched.events.map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((one, other) => one - other));
    const reset = watched.events.findIndex(({ kind }) => kind === "node-suspected");
    const from = watched.events[reset]!;
    const expected = watched.events.filter(({ revision }) => revision > from.revision);
    const resumed = new Watched(client, BigInt(from.revision));
    const strip = (events: Watched["events"]) =>
      events.map(({ kind, memberId, revision }) => [kind, memberId, revision]);
    await eventually("the resumed watch catches up", () => resumed.events.length >= expected.length);
    expect(strip(resumed.events).slice(0, expected.length)).toEqual(strip(expected));
    await resumed.end();
  });

  it("R-08 a director that was stopped for five intervals and goes on evicts nobody and suspects nobody for long", async () => {
    await cluster.worker("b", { address: workers["b"]?.address ?? "" });
    await cluster.whenReady(client, ["a", "b", "c"]);
    const mark = watched.events.length;
    director.process.freeze();
    // The stop itself is what is tested, so here time has to pass.
    await new Promise((wake) => setTimeout(wake, 5 * HEARTBEAT_MS));
    director.process.thaw();
    const { heartbeats } = await client.director.getStats({});
    await eventually("twenty more beats are heard", async () => {
      return (await client.director.getStats({})).heartbeats > heartbeats + 20n;
    });
    await cluster.whenReady(client, ["a", "b", "c"]);
    const kinds = watched.events.slice(mark).map(({ kind, memberId }) => `${memberId} ${kind}`);
    expect(kinds.filter((kind) => /failed|left|suspected/.test(kind))).toEqual([]);
  });
});
