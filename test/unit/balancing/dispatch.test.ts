import { Balancer } from "../../../src/balancing/balancer";
import type { Dispatch, DispatchedCall } from "../../../src/balancing/dispatch";
import { Dispatcher } from "../../../src/balancing/dispatcher";
import { TrackedEndpoint } from "../../../src/balancing/tracked-endpoint";
import { FabricError } from "../../../src/core/errors";
import { seededRandom } from "../../../src/core/random";
import { ManualClock, settle } from "../../../src/testing/manual-clock";

const cancelled = new FabricError("CANCELLED", "the caller is gone");
const draining = new FabricError("WORKER_DRAINING", "leaving");

/** A call whose every step the test takes. The promises' view of the same is in dispatcher.test.ts. */
function open(options: { readonly timeoutMs?: number } = {}) {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const balancer = new Balancer<TrackedEndpoint>({ random, policy: "round-robin" });
  const endpoints = ["w1", "w2"].map(
    (memberId) => new TrackedEndpoint(memberId, { services: ["a.B"] }, { clock, slowStartMs: 0 }),
  );
  balancer.publish(endpoints);
  const dispatcher = new Dispatcher<TrackedEndpoint>({ balancer, clock, random });
  const told = {
    attempts: [] as { memberId: string; number: number; timeoutMs: number | undefined }[],
    cancels: 0,
    ends: [] as (string | undefined)[],
  };
  const call: DispatchedCall<TrackedEndpoint> = {
    request: { method: "a.B/C", idempotent: false },
    timeoutMs: options.timeoutMs,
    attempt: ({ memberId }, number, timeoutMs) => void told.attempts.push({ memberId, number, timeoutMs }),
    cancelAttempt: () => (told.cancels += 1),
    settled: (error) => void told.ends.push(error?.code),
  };
  const dispatch: Dispatch<TrackedEndpoint> = dispatcher.dispatch(call);
  const left = () => [...endpoints.map(({ inFlight }) => inFlight), dispatcher.counts.inFlight, clock.pendingTimers];
  return { clock, balancer, endpoints, dispatcher, dispatch, told, left };
}

describe("Dispatch", () => {
  it("begins the attempt within start, where an endpoint is ready", () => {
    const { dispatch, told } = open();
    dispatch.start();
    expect(told).toEqual({ attempts: [{ memberId: "w2", number: 1, timeoutMs: undefined }], cancels: 0, ends: [] });
  });

  it("makes no attempt for a call that was cancelled before it was started", () => {
    const { dispatch, dispatcher, told, left } = open({ timeoutMs: 1_000 });
    dispatch.cancel(cancelled);
    dispatch.start();
    expect([told, left()]).toEqual([{ attempts: [], cancels: 0, ends: ["CANCELLED"] }, [0, 0, 0, 0]]);
    expect(dispatcher.counts).toMatchObject({ started: 1, cancelled: 1, failed: 0 });
  });

  it("D2 counts the end of an attempt once, however often it is told", () => {
    const { dispatch, dispatcher, told, left } = open({ timeoutMs: 1_000 });
    dispatch.start();
    dispatch.attemptEnded(undefined);
    dispatch.attemptEnded(draining);
    dispatch.cancel(cancelled);
    expect([told.ends, left()]).toEqual([[undefined], [0, 0, 0, 0]]);
    expect(dispatcher.counts).toMatchObject({ started: 1, ok: 1, failed: 0, cancelled: 0 });
  });

  it("leaves it to the attempt to end when it is cancelled, and is over when it has", () => {
    const { dispatch, told, left } = open();
    dispatch.start();
    dispatch.cancel(cancelled);
    dispatch.cancel(draining);
    const before = [told.cancels, told.ends.length];
    dispatch.attemptEnded(new FabricError("WORKER_LOST", "reset"));
    expect([before, told.ends, left()]).toEqual([[1, 0], ["CANCELLED"], [0, 0, 0, 0]]);
  });

  it("tries again when all that ends in this turn has ended: a connection breaks for all its calls before the picker knows", async () => {
    const { balancer, dispatch, endpoints, told } = open();
    const [first, second] = endpoints;
    balancer.publish([first!]);
    dispatch.start();
    dispatch.attemptEnded(new FabricError("WORKER_UNREACHABLE", "the connection broke"));
    balancer.publish([]);
    await settle();
    balancer.publish([second!]);
    expect(told.attempts.map(({ memberId }) => memberId)).toEqual(["w1", "w2"]);
  });

  it("makes no other attempt for a caller who cancels in the turn in which the first failed", async () => {
    const { dispatch, dispatcher, told, left } = open();
    dispatch.start();
    dispatch.attemptEnded(draining);
    dispatch.cancel(cancelled);
    await settle();
    expect([told.attempts.length, told.ends, left()]).toEqual([1, ["CANCELLED"], [0, 0, 0, 0]]);
    expect(dispatcher.counts).toMatchObject({ retries: 0, cancelled: 1 });
  });

  it("says what a call waited for that still waits at its deadline", async () => {
    const { balancer, clock, dispatch, told, left } = open({ timeoutMs: 700 });
    balancer.publish([]);
    dispatch.start();
    await clock.advance(699);
    const early = told.ends.length;
    await clock.advance(1);
    expect([early, told.ends, left()]).toEqual([0, ["DEADLINE_EXCEEDED"], [0, 0, 0, 0]]);
  });

  it("tells each attempt what is left of the deadline, at least a millisecond", async () => {
    const { balancer, clock, dispatch, endpoints, told } = open({ timeoutMs: 1_000 });
    balancer.publish([]);
    dispatch.start();
    await clock.advance(999.5);
    balancer.publish(endpoints);
    expect(told.attempts).toMatchObject([{ number: 1, timeoutMs: 1 }]);
  });
});
