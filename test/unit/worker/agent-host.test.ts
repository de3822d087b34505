import type { AgentOrders } from "../../../src/core/attach-messages";
import type { AgentReport } from "../../../src/core/agent";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { ManualClock } from "../../../src/testing/manual-clock";
import { AgentHost } from "../../../src/worker/agents/agent-host";
import type { AgentHandler, PlacedAgent } from "../../../src/worker/agents/agent-handler";

const orders = (over: Partial<AgentOrders>): AgentOrders => ({
  kind: "agents",
  start: [],
  stop: [],
  complete: true,
  ...over,
});
const order = (generation: number, name = "a") => ({ name, generation, parameters: {} });

describe("The agents of a worker", () => {
  let clock: ManualClock;
  let reports: AgentReport[];
  let story: string[];

  beforeEach(() => {
    clock = new ManualClock();
    reports = [];
    story = [];
  });

  const hostOf = (handler: AgentHandler, { aloneMs = 0, logger = SILENT_LOGGER } = {}) => {
    const report = (each: AgentReport) => void reports.push(each);
    const host = new AgentHost({ clock, logger, handler, aloneMs, report });
    host.attached();
    return host;
  };

  it("a later placement begins only when the one before has ended, however long its end takes", async () => {
    const host = hostOf(({ generation }) => {
      story.push(`begin ${generation}`);
      return async () => {
        await clock.sleep(1_000);
        story.push(`end ${generation}`);
      };
    });
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(0);
    host.apply(orders({ start: [order(2)] }));
    host.apply(orders({ stop: ["a"] }));
    host.apply(orders({ start: [order(3)] }));
    await clock.advance(500);
    expect(story).toEqual(["begin 1"]);
    await clock.advance(5_000);
    // The second was taken back before it could begin.
    expect(story).toEqual(["begin 1", "end 1", "begin 3"]);
    expect(reports.map(({ generation, running }) => [generation, running])).toEqual([
      [1, true],
      [3, true],
    ]);
  });

  it("one that is stopped while it starts is told, and what it began is ended", async () => {
    let aborted = false;
    const host = hostOf(async ({ signal }) => {
      signal.addEventListener("abort", () => (aborted = true));
      await clock.sleep(1_000);
      return () => void story.push("ended");
    });
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(500);
    host.apply(orders({ stop: ["a"] }));
    expect(aborted).toBe(true);
    await clock.advance(1_000);
    expect([story, reports]).toEqual([["ended"], []]);
  });

  it("what throws, or says that it has failed, is reported once and ended; what it throws while it ends changes nothing", async () => {
    let placed: PlacedAgent | undefined;
    const host = hostOf((agent) => {
      if (agent.name === "b") throw new Error("no disk");
      placed = agent;
      return () => {
        story.push("ended");
        throw new Error("cannot end");
      };
    });
    host.apply(orders({ start: [order(1), order(5, "b")] }));
    await clock.advance(0);
    placed!.failed(new Error("lost"));
    placed!.failed(new Error("lost again"));
    await clock.advance(0);
    expect(story).toEqual(["ended"]);
    const told = reports.map(({ name, running, reason }) => `${name} ${running} ${reason}`);
    expect(told.sort()).toEqual(["a false lost", "a true ", "b false no disk"]);
    await host.stopAll("the test is over");
    expect(host.size).toBe(0);
  });

  it("told the same again it says how it is, and begins nothing", async () => {
    const host = hostOf(() => void story.push("begin"));
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(0);
    host.attached();
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(0);
    expect([story, reports.length]).toEqual([["begin"], 2]);
  });

  it("a failure is said again when the same is told again, since nobody may have heard it; nothing begins or ends twice", async () => {
    let placed: PlacedAgent | undefined;
    const host = hostOf((agent) => {
      placed = agent;
      story.push("begin");
      return () => void story.push("ended");
    });
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(0);
    placed!.failed("lost");
    await clock.advance(0);
    reports = [];
    host.attached();
    host.apply(orders({ start: [order(1)] }));
    await clock.advance(0);
    expect(reports).toEqual([{ name: "a", generation: 1, running: false, reason: "lost" }]);
    expect(story).toEqual(["begin", "ended"]);
  });

  it("a new stream that has not told all yet takes nothing back", async () => {
    const host = hostOf(() => {});
    host.apply(orders({ start: [order(1), order(1, "b")] }));
    host.attached();
    host.apply(orders({ start: [order(1)], complete: false }));
    expect(host.size).toBe(2);
    host.apply(orders({ complete: true }));
    expect(host.size).toBe(1);
  });

  it("one that leaves waits for its agents to run elsewhere, then ends them, and takes no more", async () => {
    const host = hostOf(() => () => void story.push("ended"));
    host.apply(orders({ start: [order(1), order(1, "b")] }));
    const left = host.leave(5_000);
    await clock.advance(1_000);
    host.apply(orders({ stop: ["a"] }));
    await clock.advance(1_000);
    expect([host.size, story]).toEqual([1, ["ended"]]);
    await clock.advance(4_000);
    await left;
    host.apply(orders({ start: [order(2)] }));
    expect([host.size, story]).toEqual([0, ["ended", "ended"]]);
  });

  it("one that leaves waits for ends as long as for its agents to run elsewhere, and says which agents have not ended", async () => {
    const warned: unknown[] = [];
    const logger = { ...SILENT_LOGGER, warn: (_text: string, fields?: object) => void warned.push(fields) };
    const never = new Promise<void>(() => {});
    const host = hostOf(({ name }) => (name === "starts" ? never : () => (name === "ends" ? undefined : never)), {
      aloneMs: 60_000,
      logger,
    });
    host.apply(orders({ start: [order(1, "starts"), order(1, "ends"), order(1, "hangs")] }));
    let isGone = false;
    void host.leave(5_000).then(() => (isGone = true));
    await clock.advance(9_900);
    expect([isGone, warned]).toEqual([false, []]);
    await clock.advance(200);
    expect([isGone, warned]).toEqual([true, [{ agents: "starts, hangs" }]]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("agents that come while others still end are stopped too when no director answers for too long", async () => {
    const host = hostOf(
      ({ name }) =>
        () =>
          name === "slow" ? clock.sleep(30_000) : void story.push("ended"),
      { aloneMs: 60_000 },
    );
    host.apply(orders({ start: [order(1, "slow")] }));
    await clock.advance(60_000);
    host.attached();
    host.apply(orders({ start: [order(1, "late")] }));
    await clock.advance(59_000);
    expect([host.size, story]).toEqual([1, []]);
    await clock.advance(2_000);
    expect([host.size, story]).toEqual([0, ["ended"]]);
  });
});
