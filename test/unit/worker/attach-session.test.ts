import { FabricError } from "../../../src/core/errors";
import { NO_LOAD, NO_RESOURCES } from "../../../src/core/member";
import { AttachSession, type SessionHost, type SessionOutcome } from "../../../src/worker/attach-session";
import { FakeDirector } from "../../support/fake-director";
import { HostClock } from "../../../src/testing/host-clock";
import { ManualClock } from "../../../src/testing/manual-clock";

function open(options: { acknowledges?: boolean } = {}) {
  const world = new ManualClock();
  const clock = new HostClock(world);
  const director = new FakeDirector(() => world.monotonicMs(), options);
  const told: string[] = [];
  const host: SessionHost = {
    hello: () => ({
      memberId: "w1",
      label: "w1",
      address: "w1:7000",
      incarnation: 1,
      services: [],
      descriptorSetHash: "",
      slots: 0,
      tags: {},
      resources: NO_RESOURCES,
      role: "worker",
      version: "",
      dataKeepalive: true,
      heartbeatIntervalMs: 0,
      wantsEvents: false,
    }),
    load: () => NO_LOAD,
    isServing: () => true,
    descriptors: () => undefined,
    attached: () => void told.push("attached"),
    drained: ({ reason }) => void told.push(`drained ${reason}`),
    undrained: () => void told.push("undrained"),
    probe: ({ address }) => Promise.resolve({ reachable: true, detail: `${address} answered` }),
    event: () => {},
    directors: (addresses) => void told.push(`directors ${addresses.join()}`),
  };
  const session = new AttachSession(director.stream, host, clock, () => ({
    welcomeTimeoutMs: 5_000,
    unacknowledgedMax: 10,
  }));
  let outcome: SessionOutcome | undefined;
  void session.run().then((result) => (outcome = result));
  return { world, clock, director, session, told, outcome: () => outcome };
}

const codeOf = (outcome: SessionOutcome | undefined) =>
  outcome && "error" in outcome ? outcome.error.code : undefined;

describe("AttachSession", () => {
  it("says Hello first, and nothing more before Welcome", async () => {
    const { world, director } = open();
    await world.advance(4_000);
    expect(director.kinds).toEqual(["hello"]);
  });

  it("beats at once and then on a fixed schedule, numbered from 1", async () => {
    const { world, director } = open();
    await world.advance(130);
    director.welcome();
    await world.advance(4_000);
    expect(director.beats).toEqual([130, 1_130, 2_130, 3_130, 4_130]);
    const seqs = director.received.flatMap(({ message }) => (message.kind === "heartbeat" ? [message.seq] : []));
    expect(seqs).toEqual([1, 2, 3, 4, 5]);
  });

  it("skips the instants that it missed, and does not drift", async () => {
    const { world, clock, director } = open();
    director.welcome();
    await world.advance(1_500);
    clock.freeze();
    await world.advance(2_700);
    clock.thaw();
    await world.advance(2_000);
    // Due at 2,000, late at 4,200; 3,000 and 4,000 are gone; 5,000 is on time again.
    expect(director.beats).toEqual([0, 1_000, 4_200, 5_000, 6_000]);
  });

  it("beats out of schedule without shifting it", async () => {
    const { world, director, session } = open();
    director.welcome();
    await world.advance(400);
    session.beatNow();
    await world.advance(1_600);
    expect(director.beats).toEqual([0, 400, 1_000, 2_000]);
  });

  it("takes a new interval from the director", async () => {
    const { world, director, told } = open();
    director.welcome();
    await world.advance(500);
    director.send({ kind: "configuration", heartbeatIntervalMs: 250, directors: ["d2:1"] });
    await world.advance(1_000);
    expect(director.beats).toEqual([0, 1_000, 1_250, 1_500]);
    expect(told).toContain("directors d2:1");
  });

  it("gives up a director that sends no Welcome", async () => {
    const { world, outcome } = open();
    await world.advance(5_000);
    expect([outcome()?.kind, codeOf(outcome())]).toEqual(["refused", "DIRECTOR_UNREACHABLE"]);
  });

  it("gives up a director that acknowledges nothing for more than ten intervals", async () => {
    const { world, director, outcome } = open({ acknowledges: false });
    director.welcome();
    await world.advance(10_900);
    const early = outcome();
    await world.advance(200);
    expect([early, outcome()?.kind, codeOf(outcome()), director.aborted]).toEqual([
      undefined,
      "lost",
      "DIRECTOR_UNREACHABLE",
      true,
    ]);
  });

  it("does not blame the director for the time that the worker itself stood still", async () => {
    const { world, clock, director, outcome } = open();
    director.welcome();
    await world.advance(1_000);
    clock.freeze();
    await world.advance(30_000);
    clock.thaw();
    await world.advance(2_000);
    expect(outcome()).toBeUndefined();
    expect(director.beats.at(-1)).toBe(33_000);
  });

  it("ends a director that welcomes twice", async () => {
    const { world, director, outcome } = open();
    director.welcome();
    director.welcome();
    await world.advance(0);
    expect(codeOf(outcome())).toBe("PROTOCOL_VIOLATION");
  });

  it("tells the worker of an operator's drain and undrain", async () => {
    const { world, director, told } = open();
    director.welcome();
    director.send({ kind: "drain", reason: "patching", force: false });
    director.send({ kind: "undrain" });
    await world.advance(0);
    expect(told).toEqual(["directors d1:61000", "attached", "drained patching", "undrained"]);
  });

  it("announces its drain and waits until the director confirms", async () => {
    const { world, director, session, told } = open();
    director.welcome();
    await world.advance(0);
    let confirmed = false;
    void session.announceDrain("stopping").then(() => (confirmed = true));
    await world.advance(500);
    const early = confirmed;
    director.send({ kind: "drain", reason: "stopping", force: false });
    await world.advance(0);
    expect([early, confirmed]).toEqual([false, true]);
    expect(told.filter((line) => line.startsWith("drained"))).toEqual([]);
  });

  it("does not wait for a confirmation when the link breaks", async () => {
    const { world, director, session } = open();
    director.welcome();
    await world.advance(0);
    const announced = session.announceDrain("stopping");
    director.refuse(new FabricError("WORKER_LOST", "broke"));
    await world.advance(0);
    await announced;
  });

  it("says goodbye last, then half-closes, and counts as left", async () => {
    const { world, director, session, outcome } = open();
    director.welcome();
    await world.advance(0);
    session.leave("stopping");
    await world.advance(5_000);
    director.close();
    await world.advance(0);
    expect([director.kinds.at(-1), director.halfClosed, outcome()?.kind]).toEqual(["goodbye", true, "left"]);
    expect(director.beats).toEqual([0]);
  });

  it("answers a probe request with what it saw", async () => {
    const { world, director } = open();
    director.welcome();
    director.send({ kind: "probe-request", probeId: "p1", memberId: "w2", address: "w2:7000", timeoutMs: 500 });
    await world.advance(0);
    expect(director.received.at(-1)?.message).toEqual({
      kind: "probe-result",
      probeId: "p1",
      memberId: "w2",
      reachable: true,
      detail: "w2:7000 answered",
    });
  });

  it.each(["lost", "refused", "left"])("leaves no timer behind when it is %s", async (how) => {
    const { world, director, session, outcome } = open();
    if (how !== "refused") director.welcome();
    await world.advance(100);
    if (how === "left") session.leave("stopping");
    director.refuse(new FabricError("WORKER_LOST", "broke"));
    await world.advance(0);
    expect([outcome()?.kind, world.pendingTimers]).toEqual([how, 0]);
  });
});
