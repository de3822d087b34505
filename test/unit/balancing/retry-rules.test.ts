import { RetryBudget } from "../../../src/balancing/retry-budget";
import { outcomeOf, retryOf } from "../../../src/balancing/retry-rules";
import { ERRORS, FabricError, type ErrorCode } from "../../../src/core/errors";
import { Status } from "../../../src/core/status";
import { SteppedClock } from "../../conformance/policy-simulation";

const LIMITS = { attemptsMax: 3, refusalsMax: 5 };
const failed = (code: ErrorCode, given: { number?: number; committed?: boolean; idempotent?: boolean } = {}) =>
  retryOf({ error: new FabricError(code, ""), number: 1, committed: false, idempotent: false, ...given }, LIMITS);

describe("retryOf", () => {
  it.each([
    // Not executed: any method, up to five attempts.
    ["WORKER_UNREACHABLE", {}, "free"],
    ["WORKER_DRAINING", {}, "free"],
    ["WORKER_FAILED", {}, "free"],
    ["WORKER_FULL", {}, "free"],
    ["WORKER_FULL", { number: 4 }, "free"],
    ["WORKER_FULL", { number: 5 }, "never"],
    // Perhaps executed: idempotent methods only, up to three, out of the budget.
    ["WORKER_LOST", {}, "never"],
    ["WORKER_LOST", { idempotent: true }, "budgeted"],
    ["WORKER_LOST", { idempotent: true, number: 2 }, "budgeted"],
    ["WORKER_LOST", { idempotent: true, number: 3 }, "never"],
    // The caller has seen a part of the response.
    ["WORKER_DRAINING", { committed: true }, "never"],
    ["WORKER_LOST", { committed: true, idempotent: true }, "never"],
    // No other worker would do better.
    ["HANDLER_FAILED", { idempotent: true }, "never"],
    ["REMOTE", { idempotent: true }, "never"],
    ["INVALID_ARGUMENT", { idempotent: true }, "never"],
    ["DEADLINE_EXCEEDED", { idempotent: true }, "never"],
    ["CANCELLED", { idempotent: true }, "never"],
    ["MESSAGE_TOO_LARGE", { idempotent: true }, "never"],
  ] as const)("%s %j: %s", (code, given, retry) => {
    expect(failed(code, given)).toBe(retry);
  });

  it("never lets a method that must not run twice run twice, for any error there is", () => {
    const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].executed !== "no");
    expect(codes.map((code) => failed(code))).toEqual(codes.map(() => "never"));
  });
});

describe("outcomeOf", () => {
  it.each([
    [Status.UNAVAILABLE, "failed"],
    [Status.INTERNAL, "failed"],
    [Status.UNKNOWN, "failed"],
    [Status.DEADLINE_EXCEEDED, "failed"],
    [Status.DATA_LOSS, "failed"],
    [Status.CANCELLED, "cancelled"],
    [Status.INVALID_ARGUMENT, "ok"],
    [Status.NOT_FOUND, "ok"],
    [Status.ALREADY_EXISTS, "ok"],
    [Status.PERMISSION_DENIED, "ok"],
    [Status.RESOURCE_EXHAUSTED, "ok"],
    [Status.FAILED_PRECONDITION, "ok"],
    [Status.ABORTED, "ok"],
    [Status.OUT_OF_RANGE, "ok"],
    [Status.UNIMPLEMENTED, "ok"],
    [Status.UNAUTHENTICATED, "ok"],
  ])("counts an answer with status %d as %s", (status, outcome) => {
    expect(outcomeOf(new FabricError("REMOTE", "", { status }))).toBe(outcome);
  });

  it("counts a full worker as failing, or it would look idle", () => {
    expect(outcomeOf(new FabricError("WORKER_FULL", ""))).toBe("failed");
  });
});

describe("RetryBudget", () => {
  function drained(clock: SteppedClock): RetryBudget {
    const budget = new RetryBudget(clock);
    while (budget.withdraw());
    return budget;
  }
  const withdrawals = (budget: RetryBudget) => {
    let count = 0;
    while (budget.withdraw()) count += 1;
    return count;
  };

  it("allows one retry for five calls (20 %)", () => {
    const budget = drained(new SteppedClock());
    for (let call = 0; call < 51; call += 1) budget.deposit();
    expect(withdrawals(budget)).toBe(10);
  });

  it("allows ten a second on top, and keeps ten seconds' worth at most", () => {
    const clock = new SteppedClock();
    const budget = drained(clock);
    clock.nowMs = 1_000;
    expect(withdrawals(budget)).toBe(10);
    clock.nowMs = 3_600_000;
    expect(withdrawals(budget)).toBe(100);
  });
});
