import { ComputeServiceDefinition, DrainMeasure, DrainPhase } from "../../../src/wire/contract";
import type { DrainMemberRequest, DrainMemberResponse } from "../../../src/wire/contract";
import { IntentKind } from "../../../generated/heddle/v1/member";
import type { CallContext } from "../../../src/rpc/service/call-context";
import { rawDefinition } from "../../../src/rpc/service/raw-definition";
import { mountService } from "../../../src/rpc/service/service-handlers";
import { typedClient } from "../../../src/rpc/service/typed-client";
import { MemoryCluster, type RunningDirector } from "../../../src/testing/memory-cluster";

const D1 = "director-1:61000";

const NAMES = new Map(Object.entries(DrainPhase).map(([name, phase]) => [phase, name]));

/** A drain as its operator watches it. */
class Watched {
  readonly told: DrainMemberResponse[] = [];
  readonly #abort = new AbortController();
  ended: string | undefined;

  constructor({ rpc }: RunningDirector, request: Partial<DrainMemberRequest> = {}) {
    void this.#read(rpc.drainMember({ memberId: "w1", ...request }, { signal: this.#abort.signal }));
  }

  /** Ctrl-C. */
  leave(): void {
    this.#abort.abort();
  }

  get last(): DrainMemberResponse {
    return this.told.at(-1)!;
  }

  /** Each phase and count once, in order: "FINISHING 1". */
  get course(): string[] {
    const all = this.told.map(({ phase, inFlight }) => `${NAMES.get(phase)} ${inFlight}`);
    return all.filter((step, index) => step !== all[index - 1]);
  }

  async #read(messages: AsyncIterable<DrainMemberResponse>): Promise<void> {
    try {
      for await (const message of messages) this.told.push(message);
      this.ended = "ended";
    } catch (error) {
      this.ended = (error as Error).message;
    }
  }
}

describe("A drain", () => {
  let cluster: MemoryCluster;

  beforeEach(async () => {
    cluster = await MemoryCluster.open();
  });

  afterEach(() => cluster.close());

  /** A call of so many seconds at w1; resolves to who ran it or the code of its error. */
  const longCall = (seconds: number, directors = [D1]): Promise<string> => {
    const compute = cluster.client(directors, { mode: "proxy" }).client(ComputeServiceDefinition);
    const parameters = new Map([["ms", String(seconds * 1_000)]]);
    const metadata = { "heddle-worker": "w1" };
    return compute.execute({ task: "sleep", parameters }, { timeoutMs: 600_000, metadata }).then(
      ({ workerLabel }) => workerLabel,
      (error: { code: string }) => error.code,
    );
  };

  /** As `longCall`, past every director: by a client that has the worker's address. */
  const directCall = (task: string, seconds = 0): Promise<string> => {
    const connection = cluster.network.connect(cluster.network.host("stock"), "w1:7000", { keepaliveMs: 0 });
    const parameters = new Map([["ms", String(seconds * 1_000)]]);
    return typedClient(ComputeServiceDefinition, connection)
      .execute({ task, parameters }, { timeoutMs: 600_000 })
      .then(
        ({ workerLabel }) => workerLabel,
        (error: { code: string }) => error.code,
      );
  };

  /** A director, and a worker with one call of so many seconds in flight. */
  const busy = async (seconds: number) => {
    const director = await cluster.director();
    const { worker, lines } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const call = longCall(seconds);
    await cluster.until("the call runs", () => worker.inFlight === 1);
    return { director, worker, lines, call };
  };

  const over = (watched: Watched, withinMs?: number) =>
    cluster.until("the drain's stream ends", () => watched.ended !== undefined, withinMs);

  it("is complete only when the worker has measured that no call is in flight: a call of 60 s is waited for", async () => {
    const { director, worker, call } = await busy(60);
    const startedMs = cluster.clock.monotonicMs();
    const drain = new Watched(director, { reason: "kernel", setBy: "ann" });
    await cluster.clock.advance(50_000);
    expect([drain.ended, drain.last.phase, worker.inFlight]).toEqual([undefined, DrainPhase.FINISHING, 1]);
    await over(drain);
    expect(await cluster.outcome(call)).toBe("w1");
    expect(cluster.clock.monotonicMs() - startedMs).toBeGreaterThan(59_000);
    expect(drain.course).toEqual(["TAKING_OUT 1", "FINISHING 1", "COMPLETE 0"]);
    expect(drain.last).toMatchObject({
      measuredBy: DrainMeasure.WORKER,
      reason: "kernel",
      setBy: "ann",
      intent: IntentKind.DRAINING,
      force: false,
    });
  });

  it("tells the worker's code before it refuses a call, and again when it serves", async () => {
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const before = worker.draining;
    const drain = new Watched(director);
    await cluster.until("the worker's code is told", () => before.aborted);
    expect(await cluster.outcome(directCall("echo"))).toBe("w1");
    await over(drain);
    expect(await cluster.outcome(directCall("echo"))).toBe("WORKER_DRAINING");
    await cluster.outcome(director.rpc.setIntent({ memberId: "w1", kind: IntentKind.SERVING }));
    await cluster.untilReady(director, ["w1"]);
    expect([worker.draining === before, worker.draining.aborted]).toEqual([false, false]);
  });

  it("lets a handler end an endless stream at a good point, so that nothing is left to wait for", async () => {
    const Tail = rawDefinition("test.v1.Tail", { follow: { responseStream: true } });
    const follow = async function* (_from: Uint8Array, { draining }: CallContext) {
      yield Buffer.from("one");
      await new Promise((drained) => draining.addEventListener("abort", drained, { once: true }));
      yield Buffer.from("last");
    };
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1], { services: [mountService(Tail, { follow })] });
    await cluster.untilReady(director, ["w1"]);
    const heard: string[] = [];
    const read = async () => {
      const tail = cluster.client([D1], { mode: "proxy" }).client(Tail);
      for await (const bytes of tail.follow(new Uint8Array())) heard.push(Buffer.from(bytes).toString());
    };
    const reading = read();
    await cluster.until("the stream runs", () => worker.inFlight === 1 && heard.length === 1);
    const drain = new Watched(director, { deadlineMs: 0 });
    await over(drain);
    await cluster.outcome(reading);
    expect([heard, drain.last.phase]).toEqual([["one", "last"], DrainPhase.COMPLETE]);
  });

  it("without force goes on after its deadline, and says so; with force ends what is left as DRAIN_DEADLINE", async () => {
    const director = await cluster.director();
    const { worker, lines } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const call = directCall("sleep", 60);
    await cluster.until("the call runs", () => worker.inFlight === 1);
    const drain = new Watched(director, { deadlineMs: 10_000 });
    await cluster.clock.advance(15_000);
    expect([drain.last.phase, drain.last.detail]).toEqual([DrainPhase.DEADLINE_PASSED, "the calls may go on"]);
    const forced = new Watched(director, { deadlineMs: 5_000, force: true });
    await over(forced);
    expect(await cluster.outcome(call)).toBe("DRAIN_DEADLINE");
    expect(forced.course.slice(-2)).toEqual([expect.stringMatching(/ 1$/), "COMPLETE 0"]);
    expect(lines.filter((line) => line.includes("deadline of the drain passed"))).toEqual([
      expect.stringContaining("they may go on"),
      expect.stringContaining("they are ended"),
    ]);
  });

  it("goes on when its watcher leaves, and is found by the next one", async () => {
    const { director, worker } = await busy(30);
    const first = new Watched(director, { reason: "kernel", deadlineMs: 0 });
    await cluster.until("it is told", () => first.told.length > 0);
    first.leave();
    await cluster.clock.advance(5_000);
    const second = new Watched(director, { watchOnly: true });
    await over(second, 60_000);
    expect([worker.inFlight, second.last.phase, second.last.reason]).toEqual([0, DrainPhase.COMPLETE, "kernel"]);
    expect([second.last.deadlineUnixMs, Number(second.last.elapsedMs) > 25_000]).toEqual([0n, true]);
  });

  it("says at once that none runs to who only wants to watch, and drains nothing", async () => {
    const { director } = await busy(1);
    const watched = new Watched(director, { watchOnly: true });
    await over(watched);
    expect([watched.course, watched.last.intent]).toEqual([["CANCELLED 1"], IntentKind.SERVING]);
    await cluster.untilReady(director, ["w1"], 100);
  });

  it("is cancelled by another intent: the watcher is told which, and the worker serves", async () => {
    const { director, call } = await busy(20);
    const drain = new Watched(director);
    await cluster.clock.advance(3_000);
    await cluster.outcome(director.rpc.setIntent({ memberId: "w1", kind: IntentKind.SERVING }));
    await over(drain);
    expect([drain.last.phase, drain.last.intent]).toEqual([DrainPhase.CANCELLED, IntentKind.SERVING]);
    await cluster.untilReady(director, ["w1"], 3_000);
    expect(await cluster.outcome(longCall(1))).toBe("w1");
    expect(await cluster.outcome(call)).toBe("w1");
  });

  it("for maintenance waits in the same way, and stays maintenance when it is changed", async () => {
    const { director } = await busy(10);
    const drain = new Watched(director, { maintenance: true });
    await cluster.until("it is told", () => drain.told.length > 0);
    const again = new Watched(director, { reason: "disk" });
    await over(again, 60_000);
    expect([again.last.phase, again.last.intent, again.last.reason]).toEqual([
      DrainPhase.COMPLETE,
      IntentKind.MAINTENANCE,
      "disk",
    ]);
    expect((await cluster.member(director, "w1"))?.notReadyReason).toBe("operator: maintenance (disk)");
  });

  it("keeps its deadline and force when the director and the worker's stream begin anew", async () => {
    const director = await cluster.director();
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(director, ["w1"]);
    const call = directCall("sleep", 120);
    await cluster.until("the call runs", () => worker.inFlight === 1);
    const drain = new Watched(director, { deadlineMs: 40_000, force: true });
    await cluster.clock.advance(5_000);
    await cluster.crash("director-1");
    await cluster.clock.advance(5_000);
    const restarted = await cluster.director();
    const watched = new Watched(restarted, { watchOnly: true });
    await over(watched, 120_000);
    expect(drain.ended).toMatch(/WORKER_LOST/);
    expect(await cluster.outcome(call)).toBe("DRAIN_DEADLINE");
    expect(watched.course.slice(-2)).toEqual([expect.stringMatching(/ 1$/), "COMPLETE 0"]);
    expect(Math.round(Number(watched.last.elapsedMs) / 1_000)).toBe(40);
  });

  it("is followed through a director that is not the worker's home, by what the worker measured", async () => {
    await cluster.director("director-1");
    const other = await cluster.director("director-2");
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(other, ["w1"]);
    expect((await cluster.member(other, "w1"))?.homeDirectorId).toBe("director-1");
    const call = longCall(20, [D1]);
    await cluster.until("the call runs", () => worker.inFlight === 1);
    const drain = new Watched(other, { reason: "kernel" });
    await cluster.clock.advance(10_000);
    expect([drain.last.phase, drain.last.inFlight, drain.last.measuredBy]).toEqual([
      DrainPhase.FINISHING,
      1,
      DrainMeasure.WORKER,
    ]);
    await over(drain);
    expect([drain.last.phase, await cluster.outcome(call)]).toEqual([DrainPhase.COMPLETE, "w1"]);
  });

  it("does not take an earlier drain's report for its own", async () => {
    await cluster.director("director-1");
    const other = await cluster.director("director-2");
    const { worker } = await cluster.worker("w1", [D1]);
    await cluster.untilReady(other, ["w1"]);
    await over(new Watched(other));
    await cluster.outcome(other.rpc.setIntent({ memberId: "w1", kind: IntentKind.SERVING }));
    await cluster.untilReady(other, ["w1"]);
    const call = longCall(20);
    await cluster.until("the call runs", () => worker.inFlight === 1);
    const second = new Watched(other);
    await over(second, 60_000);
    expect([second.course.at(-2), second.last.phase]).toEqual(["FINISHING 1", DrainPhase.COMPLETE]);
    expect(await cluster.outcome(call)).toBe("w1");
  });

  it("ends when the worker leaves, and when it is judged dead, with what came of it", async () => {
    const { director, worker } = await busy(300);
    await cluster.worker("w2", [D1]);
    const leaving = new Watched(director);
    await cluster.clock.advance(3_000);
    void worker.stop({ graceMs: 1_000 });
    await over(leaving);
    expect(leaving.last.phase).toBe(DrainPhase.LEFT);
    const compute = cluster.client([D1], { mode: "proxy" }).client(ComputeServiceDefinition);
    void compute.execute({ task: "sleep", parameters: new Map([["ms", "60000"]]) }).catch(() => {});
    await cluster.clock.advance(1_000);
    const dying = new Watched(director, { memberId: "w2" });
    await cluster.clock.advance(3_000);
    await cluster.crash("w2");
    await over(dying);
    expect([dying.last.phase, dying.last.inFlight]).toEqual([DrainPhase.LOST, 1]);
  });

  it("of a director that stops ends with a word that it goes on", async () => {
    const { director, worker } = await busy(20);
    const drain = new Watched(director);
    await cluster.clock.advance(3_000);
    void director.director.stop();
    await over(drain);
    expect(drain.ended).toMatch(/DIRECTOR_STOPPING.*the drain goes on/);
    expect(worker.draining.aborted).toBe(true);
  });

  it("refuses a member that there is not, and a deadline over 30 days, and changes nothing", async () => {
    const { director } = await busy(1);
    const unknown = new Watched(director, { memberId: "w9" });
    const late = new Watched(director, { deadlineMs: 3_000_000_000 });
    await over(unknown);
    await over(late);
    expect(unknown.ended).toMatch(/MEMBER_NOT_FOUND.*"w9"/);
    expect(late.ended).toMatch(/deadline_ms is 3000000000: give at most 2592000000/);
    await cluster.untilReady(director, ["w1"], 100);
  });
});
