import type { Socket } from "node:net";
import { NO_CALLS, type MemberFacts } from "../../../src/director/relays";
import type { DispatcherCounts } from "../../../src/balancing/dispatcher";
import { SILENT_LOGGER } from "../../../src/core/logger";
import { NO_LOAD } from "../../../src/core/member";
import { seededRandom } from "../../../src/core/random";
import type { FromRelay, MemberTally, ToRelay, Update } from "../../../src/relay-process/messages";
import { RelayFleet } from "../../../src/relay-process/relay-fleet";
import type { RelayChannel } from "../../../src/relay-process/relay-handle";
import { ManualClock, settle } from "../../../src/testing/manual-clock";
import { identityOf } from "../membership/membership-rig";

/** A relay process as its director meets it: answers when the test says so. */
class FakeProcess implements RelayChannel {
  readonly received: ToRelay[] = [];
  readonly sockets: Socket[] = [];
  isKilled = false;
  /** Whether updates are acknowledged. */
  isAwake = true;
  #tell: (message: FromRelay) => void = () => {};
  #end: (reason: string) => void = () => {};

  send(message: ToRelay, socket?: Socket): void {
    this.received.push(message);
    if (socket) this.sockets.push(socket);
    if (message.kind === "update" && this.isAwake) void settle().then(() => this.acknowledge(message.update));
  }

  onMessage(listener: (message: FromRelay) => void): void {
    this.#tell = listener;
  }

  onEnd(listener: (reason: string) => void): void {
    this.#end = listener;
  }

  kill(): void {
    this.isKilled = true;
    this.#end("SIGKILL");
  }

  tell(message: FromRelay): void {
    this.#tell(message);
  }

  end(reason: string): void {
    this.#end(reason);
  }

  acknowledge({ revision }: Update): void {
    this.tell({ kind: "applied", revision });
    if (revision === 1) this.tell({ kind: "ready" });
  }

  tally(
    members: readonly Partial<MemberTally>[],
    calls: Partial<DispatcherCounts> = {},
    ended: readonly string[] = [],
  ): void {
    const blank = { memberId: "a", inFlight: 0, started: 0, ok: 0, failed: 0, cancelled: 0, meanLatencyMs: 0 };
    this.tell({
      kind: "tally",
      tally: {
        calls: { ...NO_CALLS, ...calls },
        spilled: 0,
        members: members.map((member) => ({ ...blank, ...member })),
        ended,
      },
    });
  }

  get updates(): Update[] {
    return this.received.flatMap((message) => (message.kind === "update" ? [message.update] : []));
  }

  /** The latest that was said of a member under this name. */
  latest(what: "elsewhere" | "shares", memberId: string): number | undefined {
    return this.updates.flatMap((update) => update[what] ?? []).findLast(([id]) => id === memberId)?.[1];
  }
}

function factsOf(memberId: string, slots = 0): MemberFacts {
  return {
    record: {
      ...identityOf(memberId, { slots }),
      state: "alive",
      stateReason: "",
      stateSinceUnixMs: 1,
      joinedAtUnixMs: 1,
      homeDirectorId: "d",
    },
    shared: true,
    local: { ready: true, notReadyReason: "" },
  };
}

class FakeSocket {
  readonly remoteAddress = "192.0.2.7";
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}

const socket = () => new FakeSocket() as unknown as Socket & FakeSocket;

describe("The relay processes of a director", () => {
  let clock: ManualClock;
  let processes: FakeProcess[];
  let members: Map<string, MemberFacts>;
  let inFlight: Map<string, number>;
  /** Of members that do not let the director use all their slots. */
  let granted: Map<string, number>;
  let released: string[];
  let fleet: RelayFleet;

  beforeEach(() => {
    clock = new ManualClock();
    processes = [];
    members = new Map([["a", factsOf("a")]]);
    inFlight = new Map();
    granted = new Map();
    released = [];
    fleet = new RelayFleet({
      clock,
      random: seededRandom(1),
      logger: SILENT_LOGGER,
      size: 2,
      released: (address) => void released.push(address),
      open: () => {
        const process = new FakeProcess();
        processes.push(process);
        return process;
      },
      settings: () => ({}),
    });
    fleet.follow({
      memberIds: () => members.keys(),
      facts: (memberId) => members.get(memberId),
      load: () => NO_LOAD,
      policy: () => "random",
      isInMaintenance: () => false,
      idempotentPaths: () => [],
      resumablePaths: () => [],
      describedPaths: () => [],
      slots: (memberId) => granted.get(memberId) ?? (members.get(memberId)?.record.slots || undefined),
      inFlight: (memberId, calls) => void inFlight.set(memberId, calls),
      queuedChanged: () => {},
      measured: () => {},
      callsEnded: () => {},
    });
  });

  async function started(): Promise<[FakeProcess, FakeProcess]> {
    await fleet.start();
    return [processes[0]!, processes[1]!];
  }

  it("are ready when each has taken in everything there is", async () => {
    const [first, second] = await started();
    for (const process of [first, second]) {
      expect(process.received[0]).toEqual({ kind: "start", settings: {} });
      expect(process.updates[0]).toMatchObject({ revision: 1, policy: "random", members: [["a", factsOf("a")]] });
    }
  });

  it("do not start when one of them cannot, and it is said which and why", async () => {
    const start = fleet.start();
    processes[1]!.tell({ kind: "failed", reason: "no such module" });
    await expect(start).rejects.toThrow(/\[INVALID_ARGUMENT\] relay process 2 of 2 cannot start: no such module/);
  });

  it("do not start when one of them ends, or is not ready in time", async () => {
    const start = fleet.start();
    processes[0]!.end("exit code 1");
    await expect(start).rejects.toThrow(/relay process 1 of 2 cannot start: exit code 1/);
  });

  it("R1 get each connection where there are the fewest", async () => {
    const [first, second] = await started();
    for (let each = 0; each < 4; each += 1) fleet.accept(socket());
    expect([first.sockets.length, second.sockets.length]).toEqual([2, 2]);
    second.tally([], {}, ["192.0.2.7", "192.0.2.7"]);
    expect(released).toEqual(["192.0.2.7", "192.0.2.7"]);
    for (let each = 0; each < 2; each += 1) fleet.accept(socket());
    expect([first.sockets.length, second.sockets.length]).toEqual([2, 4]);
  });

  it("R1 get no connections while they stand still, unless all do", async () => {
    const [first, second] = await started();
    first.isAwake = false;
    fleet.memberChanged("a");
    await clock.advance(5_001);
    for (let each = 0; each < 4; each += 1) fleet.accept(socket());
    expect([first.sockets.length, second.sockets.length]).toEqual([0, 4]);
    second.isAwake = false;
    fleet.memberChanged("a");
    await clock.advance(5_001);
    fleet.accept(socket());
    expect(first.sockets).toHaveLength(1);
  });

  it("H1 are told one thing at a time: what changes while an update is under way is the next, once", async () => {
    const [first] = await started();
    first.isAwake = false;
    for (let each = 0; each < 10; each += 1) {
      fleet.memberChanged("a");
      await settle();
    }
    expect(first.updates).toHaveLength(2);
    first.acknowledge(first.updates[1]!);
    await settle();
    expect(first.updates).toHaveLength(3);
    first.acknowledge(first.updates[2]!);
    await clock.advance(1_000);
    expect(first.updates).toHaveLength(3);
  });

  it("R3 hear of each other's calls, at most every 50 ms, and the director of all", async () => {
    const [first, second] = await started();
    await clock.advance(50);
    first.tally([{ memberId: "a", inFlight: 3 }]);
    second.tally([{ memberId: "a", inFlight: 1 }]);
    await settle();
    expect(inFlight.get("a")).toBe(4);
    expect(first.latest("elsewhere", "a")).toBe(1);
    expect(second.latest("elsewhere", "a")).toBe(3);
    const before = second.updates.length;
    for (let calls = 4; calls < 9; calls += 1) {
      first.tally([{ memberId: "a", inFlight: calls }]);
      await clock.advance(5);
    }
    expect(second.updates).toHaveLength(before);
    await clock.advance(50);
    expect(second.updates).toHaveLength(before + 1);
    expect(second.latest("elsewhere", "a")).toBe(8);
  });

  it("are waited for until all act by a change, but not longer than a second", async () => {
    const [first, second] = await started();
    let isDone = false;
    first.isAwake = false;
    fleet.memberChanged("a");
    void fleet.caughtUp().then(() => (isDone = true));
    await settle();
    expect(second.updates).toHaveLength(2);
    expect(isDone).toBe(false);
    first.acknowledge(first.updates[1]!);
    await settle();
    expect(isDone).toBe(true);

    isDone = false;
    fleet.memberChanged("a");
    void fleet.caughtUp().then(() => (isDone = true));
    await clock.advance(999);
    expect(isDone).toBe(false);
    await clock.advance(1);
    expect(isDone).toBe(true);
  });

  it("R2 are replaced when they end; what they counted stays counted, and what they had in flight has failed", async () => {
    const [first, second] = await started();
    first.tally([{ memberId: "a", inFlight: 2, started: 5, ok: 3 }], { started: 5, ok: 3, inFlight: 2 });
    second.tally([{ memberId: "a", inFlight: 1, started: 1 }], { started: 1, inFlight: 1 });
    await clock.advance(50);
    first.end("SIGKILL");
    expect(fleet.calls()).toEqual({ ...NO_CALLS, started: 6, ok: 3, failed: 2, inFlight: 1 });
    expect(fleet.memberCalls("a")).toMatchObject({ started: 6, ok: 3, failed: 2 });
    expect(inFlight.get("a")).toBe(1);
    await clock.advance(50);
    expect(second.latest("elsewhere", "a")).toBe(0);

    await clock.advance(100);
    expect(processes).toHaveLength(3);
    await settle();
    expect(processes[2]!.latest("elsewhere", "a")).toBe(1);
    fleet.accept(socket());
    expect(processes[2]!.sockets).toHaveLength(1);
  });

  it("R2 that end again and again are started at ever longer intervals", async () => {
    await started();
    for (let each = 0; each < 4; each += 1) {
      processes.at(-1)!.end("exit code 1");
      await clock.advance(10_000);
    }
    const startsMs: number[] = [];
    for (let each = 0; each < 3; each += 1) {
      const endedAtMs = clock.monotonicMs();
      const count = processes.length;
      processes.at(-1)!.end("exit code 1");
      while (processes.length === count) await clock.advance(10);
      startsMs.push(clock.monotonicMs() - endedAtMs);
    }
    expect(Math.min(...startsMs)).toBeGreaterThan(500);
    expect(Math.max(...startsMs)).toBeLessThanOrEqual(10_010);
  });

  it("leave connections waiting while none is ready, and close those beyond a thousand", async () => {
    const [first, second] = await started();
    first.end("SIGKILL");
    second.end("SIGKILL");
    const sockets = Array.from({ length: 1_001 }, socket);
    for (const each of sockets) fleet.accept(each);
    expect(sockets.filter(({ isDestroyed }) => isDestroyed)).toEqual([sockets[1_000]]);
    await clock.advance(200);
    await settle();
    const handed = processes.slice(2).reduce((sum, process) => sum + process.sockets.length, 0);
    expect(handed).toBe(1_000);
    expect(released).toHaveLength(1);
    processes[2]!.end("SIGKILL");
    expect(released).toHaveLength(1 + processes[2]!.sockets.length);
  });

  it("share a worker's slots: who has none left gets those that the other does not use", async () => {
    const [first, second] = await started();
    members.set("b", factsOf("b", 4));
    fleet.memberChanged("b");
    await settle();
    expect([first.latest("shares", "b"), second.latest("shares", "b")]).toEqual([2, 2]);
    await clock.advance(50);
    first.tally([{ memberId: "b", inFlight: 2 }], { inFlight: 2, queued: 5 });
    await clock.advance(200);
    expect([first.latest("shares", "b"), second.latest("shares", "b")]).toEqual([4, 0]);
  });

  it("keep nothing of a member that is gone", async () => {
    const [first] = await started();
    first.tally([{ memberId: "a", inFlight: 3, started: 3 }]);
    await clock.advance(100);
    members.delete("a");
    fleet.memberChanged("a");
    await clock.advance(100);
    expect(first.updates.at(-1)!.members).toEqual([["a", null]]);
    expect(fleet.memberCalls("a")).toMatchObject({ started: 0, ok: 0 });
  });

  it("drain until the last has drained or ended, and take no more connections", async () => {
    const [first, second] = await started();
    let isDone = false;
    void fleet.drain().then(() => (isDone = true));
    const late = socket();
    fleet.accept(late);
    expect(late.isDestroyed).toBe(true);
    expect(first.received.at(-1)).toEqual({ kind: "drain" });
    first.tell({ kind: "drained" });
    await settle();
    expect(isDone).toBe(false);
    second.end("SIGKILL");
    await settle();
    expect(isDone).toBe(true);
    await clock.advance(60_000);
    expect(processes).toHaveLength(2);
  });

  it("are killed when they have not ended two seconds after they were told to, and leave no timer behind", async () => {
    const [first, second] = await started();
    fleet.close("the director is stopping");
    expect(first.received.at(-1)).toEqual({ kind: "stop", reason: "the director is stopping" });
    first.end("exit code 0");
    await clock.advance(2_000);
    expect([first.isKilled, second.isKilled]).toEqual([false, true]);
    expect(clock.pendingTimers).toBe(0);
  });
});
