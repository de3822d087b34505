import type { FabricClient, MemberEvent } from "../../src/api/index";
import { eventFromWire } from "../../src/wire/member-codec";
import { Cluster, type Started } from "../support/cluster";
import { eventually, type Environment } from "../support/processes";
import { CONTROL_CANCELS, ControlStormClient } from "../support/storm/control-storm-client";

jest.setTimeout(60_000);

const ROUNDS = 5;
/** More than there are processes behind the port, so that one of them shares a process with the worker's Attach stream. */
const CLIENTS = 4;
/** Of each kind, by each client in a round: 5,040 calls in all. */
const CANCELS = 42;
/** A machine with much to do must not be what makes the worker suspect: it takes more than a second of silence. */
const PATIENT_DETECTOR = { HEDDLE_PHI_THRESHOLD: "32" };

describe.each<[string, Environment]>([
  ["in one process", {}],
  ["with HEDDLE_RELAY_WORKERS=2", { HEDDLE_RELAY_WORKERS: "2" }],
])("5,000 control calls begun and cancelled at a director %s", (_where, env) => {
  let cluster: Cluster;
  let director: Started;
  let worker: Started;
  let operator: FabricClient;
  let storm: ControlStormClient[];

  beforeEach(async () => {
    cluster = await Cluster.open("the embedded store");
    director = await cluster.director({ env: { ...PATIENT_DETECTOR, ...env } });
    worker = await cluster.worker("a");
    operator = cluster.connect();
    await cluster.whenReady(operator, ["a"]);
    storm = Array.from({ length: CLIENTS }, () => new ControlStormClient(director.address));
  });

  afterEach(async () => {
    for (const client of storm) client.close();
    await cluster.close();
  });

  /** Every event after the revision, up to the change of policy that ends the test. */
  async function eventsAfter(revision: bigint): Promise<MemberEvent[]> {
    const events: MemberEvent[] = [];
    for await (const { event } of operator.director.watchEvents({ afterRevision: revision })) {
      const happened = eventFromWire(event!)!;
      events.push(happened);
      if (happened.kind === "balancing-changed") break;
    }
    return events;
  }

  it("leave the worker attached as it was, its heartbeats going on, and calls of others and of the same clients answered", async () => {
    const { revision, members } = await operator.director.listMembers({});
    const incarnation = members[0]!.incarnation;
    const watched = eventsAfter(revision);
    // Where the test fails before it waits for them, that is what it should say.
    watched.catch(() => {});
    // Before a client knows how many streams it may open, it opens 100.
    await Promise.all(storm.map((client) => client.listMembers()));

    const answers = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const cancels = storm.map((client) => client.cancel(CANCELS));
      answers.add((await operator.director.listMembers({})).members.length);
      await Promise.all(cancels);
      for (const client of storm) answers.add(await client.listMembers());
    }
    expect([...answers]).toEqual([1]);
    expect(storm.flatMap((client) => [client.lost, ...client.amiss])).toEqual(storm.map(() => ""));
    const each = ROUNDS * CANCELS * CONTROL_CANCELS.length;
    expect(storm.map((client) => client.cancelled)).toEqual(storm.map(() => each));

    const { heartbeats } = await operator.director.getStats({});
    await eventually("the worker's heartbeats go on", async () => {
      return (await operator.director.getStats({})).heartbeats >= heartbeats + 2n;
    });
    await operator.director.setBalancing({ policy: "round-robin" });
    const events = (await watched).map(({ kind, memberId }) => `${kind} ${memberId}`);
    expect(events.filter((event) => event !== "node-updated a")).toEqual(["balancing-changed "]);
    const { attached } = await operator.director.getStats({});
    const [after] = (await operator.director.listMembers({})).members;
    expect({ attached, ready: after?.ready, incarnation: after?.incarnation }).toEqual({
      attached: 1,
      ready: true,
      incarnation,
    });
    expect(worker.process.lines.filter((line) => line.includes("connected to director"))).toHaveLength(1);
    expect(worker.process.output).not.toContain("lost the director");
  });
});
