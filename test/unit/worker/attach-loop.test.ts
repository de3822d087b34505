import { FabricError, type ErrorCode } from "../../../src/core/errors";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { NO_LOAD, NO_RESOURCES } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import { AttachLoop } from "../../../src/worker/attach-loop";
import { FakeDirector } from "../../support/fake-director";
import { ManualClock } from "../../../src/testing/manual-clock";

function open(directors: readonly string[], act: (director: FakeDirector, address: string) => void) {
  const clock = new ManualClock();
  const attempts: { address: string; atMs: number }[] = [];
  let open = 0;
  let openMax = 0;
  let incarnation = 1;
  const loop = new AttachLoop({
    clock,
    random: seededRandom(1),
    logger: SILENT_LOGGER,
    directors,
    reconnectMaxMs: 2_000,
    session: { welcomeTimeoutMs: 5_000, unacknowledgedMax: 10 },
    open: (address) => {
      attempts.push({ address, atMs: clock.monotonicMs() });
      open += 1;
      openMax = Math.max(openMax, open);
      const director = new FakeDirector(() => clock.monotonicMs());
      act(director, address);
      return { stream: director.stream, close: () => (open -= 1) };
    },
    host: {
      hello: () => ({
        memberId: "w1",
        label: "w1",
        address: "w1:7000",
        incarnation,
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
      attached: () => {},
      drained: () => {},
      undrained: () => {},
      probe: () => Promise.resolve({ reachable: true, detail: "" }),
      event: () => {},
      directors: () => {},
    },
    raiseIncarnation: () => (incarnation += 1),
    withholdDescriptors: () => {},
  });
  const ended: { how?: string } = {};
  void loop.run().then(
    () => (ended.how = "stopped"),
    (error: FabricError) => (ended.how = error.code),
  );
  return { clock, loop, attempts, ended, incarnation: () => incarnation, open: () => open, openMax: () => openMax };
}

const greet = (director: FakeDirector) => director.welcome();
const refusing = (code: ErrorCode) => (director: FakeDirector) => director.refuse(new FabricError(code, "no"));
const addresses = (attempts: readonly { address: string }[]) => attempts.map(({ address }) => address);

describe("AttachLoop", () => {
  it("A2 tries the next director at once, and waits only after a whole round", async () => {
    const { clock, attempts } = open(["d1", "d2", "d3"], refusing("DIRECTOR_UNREACHABLE"));
    await clock.advance(0);
    expect(attempts.map(({ address, atMs }) => `${address}@${atMs}`)).toEqual(["d1@0", "d2@0", "d3@0"]);
    await clock.advance(100);
    expect(addresses(attempts.slice(3))).toEqual(["d1", "d2", "d3"]);
  });

  it("A3 asks no more often than every second or so once it has failed for a while", async () => {
    const { clock, attempts } = open(["d1"], refusing("DIRECTOR_UNREACHABLE"));
    await clock.advance(60_000);
    const lastMinuteHalf = attempts.filter(({ atMs }) => atMs > 30_000);
    expect(lastMinuteHalf.length).toBeGreaterThan(10);
    expect(lastMinuteHalf.length).toBeLessThanOrEqual(30);
  });

  it("A3 waits longer and longer for a director that welcomes and drops", async () => {
    const { clock, attempts } = open(["d1"], (director) => {
      director.welcome();
      director.refuse(new FabricError("WORKER_LOST", "dropped"));
    });
    await clock.advance(60_000);
    expect(attempts.length).toBeLessThan(80);
  });

  it("A3 asks no more often when several directors welcome and drop", async () => {
    const { clock, attempts } = open(["d1", "d2", "d3"], (director) => {
      director.welcome();
      director.refuse(new FabricError("WORKER_LOST", "dropped"));
    });
    await clock.advance(60_000);
    expect(attempts.length).toBeLessThan(240);
  });

  it("S-06 A5 finds a live director within a second past two that accept connections and stay silent", async () => {
    let lose = (_error: FabricError) => {};
    const { clock, attempts, loop } = open(["d1", "d2", "d3", "d4"], (director, address) => {
      if (address === "d1" || address === "d4") director.welcome();
      lose = (error) => director.refuse(error);
    });
    await clock.advance(10_000);
    lose(new FabricError("WORKER_LOST", "its process was killed"));
    await clock.advance(1_000);
    expect(addresses(attempts)).toEqual(["d1", "d2", "d3", "d4"]);
    expect(loop.session).toBeDefined();
  });

  it("A5 waits longer in each round, so that slow directors are reached too", async () => {
    const { clock, attempts } = open(["d1", "d2"], () => {});
    await clock.advance(60_000);
    const waits = attempts.slice(1).map(({ atMs }, index) => atMs - attempts[index]!.atMs);
    expect(waits[0]).toBe(400);
    expect(Math.max(...waits)).toBeGreaterThanOrEqual(5_000);
  });

  it("A5 leaves a director that acknowledges nothing after a few intervals when there are others, and not before", async () => {
    const leftAtMs = async (directors: readonly string[]) => {
      const { clock, attempts } = open(directors, (director) => {
        director.acknowledges = false;
        director.welcome();
      });
      await clock.advance(30_000);
      return attempts[1]!.atMs;
    };
    expect(await leftAtMs(["d1", "d2"])).toBe(5_000);
    expect(await leftAtMs(["d1"])).toBeGreaterThan(10_000);
  });

  it("attaches again at once after a link that held", async () => {
    let dropAt = (_error: FabricError) => {};
    const { clock, attempts } = open(["d1", "d2"], (director) => {
      director.welcome();
      dropAt = (error) => director.refuse(error);
    });
    await clock.advance(10_000);
    dropAt(new FabricError("WORKER_LOST", "broke"));
    await clock.advance(0);
    expect(attempts.map(({ address, atMs }) => `${address}@${atMs}`)).toEqual(["d1@0", "d2@10000"]);
  });

  it("A1 has one stream open at a time", async () => {
    const {
      clock,
      openMax,
      open: isOpen,
    } = open(["d1", "d2"], (director, address) =>
      address === "d1" ? director.welcome() : refusing("DIRECTOR_UNREACHABLE")(director),
    );
    await clock.advance(30_000);
    expect([openMax(), isOpen()]).toEqual([1, 1]);
  });

  it.each<[ErrorCode, boolean]>([
    ["STALE_INCARNATION", true],
    ["MEMBER_REMOVED", false],
    ["DUPLICATE_MEMBER", false],
    ["DIRECTOR_STOPPING", false],
  ])("goes on after a refusal with %s; comes back as a new life: %s", async (code, raises) => {
    const { clock, attempts, incarnation, ended } = open(["d1"], refusing(code));
    await clock.advance(10_000);
    expect(attempts.length).toBeGreaterThan(2);
    expect([incarnation() > 1, ended.how]).toEqual([raises, undefined]);
  });

  it("comes back as a new life when it was judged dead while attached", async () => {
    let remove = () => {};
    const { clock, incarnation } = open(["d1"], (director) => {
      director.welcome();
      remove = () => director.refuse(new FabricError("MEMBER_REMOVED", "judged dead"));
    });
    await clock.advance(1_000);
    remove();
    await clock.advance(0);
    expect(incarnation()).toBe(2);
  });

  it("ends when no director can ever take what it says of itself", async () => {
    const { clock, ended, attempts } = open(["d1", "d2"], refusing("INVALID_ARGUMENT"));
    await clock.advance(1_000);
    expect([ended.how, attempts.length]).toEqual(["INVALID_ARGUMENT", 1]);
  });

  it("tries directors that it was told of after those that were configured", async () => {
    const { clock, loop, attempts } = open(["d1"], refusing("DIRECTOR_UNREACHABLE"));
    await clock.advance(0);
    loop.learn(["d2", "d1"]);
    await clock.advance(5_000);
    expect(new Set(addresses(attempts))).toEqual(new Set(["d1", "d2"]));
  });

  it.each([
    ["attached", greet],
    ["waiting for Welcome", () => {}],
    ["between two attempts", refusing("DIRECTOR_UNREACHABLE")],
  ])("ends soon, and leaves nothing behind, when told to leave while %s", async (_when, act) => {
    const { clock, loop, ended, open: isOpen } = open(["d1"], act);
    await clock.advance(20);
    loop.leave("stopping", 1_000);
    await clock.advance(act === greet ? 1_000 : 0);
    expect([ended.how, isOpen(), clock.pendingTimers]).toEqual(["stopped", 0, 0]);
  });
});
