import { ReceiveWindow, WindowBudget } from "../../../src/http2/flow-window";

/** A sender that uses all of its window, and a reader that takes what came in `parts`. */
function roundTrip(window: ReceiveWindow, parts: number): number {
  const sentBytes = window.availableBytes;
  window.receive(sentBytes);
  for (let left = sentBytes; left > 0;) {
    const bytes = Math.min(left, Math.ceil(sentBytes / parts));
    window.lagged = parts === 1;
    window.consume(bytes);
    left -= bytes;
  }
  return sentBytes;
}

const growing = (budget: WindowBudget) => new ReceiveWindow(1_000, 1_000, { maxBytes: 8_000, budget });

describe("A receive window", () => {
  it("F1: never allows more than its size beyond what was consumed", () => {
    const window = new ReceiveWindow(1_000, 1_000);
    expect([roundTrip(window, 8), roundTrip(window, 8), roundTrip(window, 1)]).toEqual([1_000, 1_000, 1_000]);
    expect([window.receive(1_000), window.receive(1)]).toEqual([true, false]);
  });

  it("F3: grows to its largest size in a few round trips while the reader keeps up", () => {
    const window = growing(new WindowBudget(1_000_000));
    const sizes = Array.from({ length: 20 }, () => roundTrip(window, 8));
    expect(sizes[0]).toBe(1_000);
    // Less than half of it may be consumed and not yet credited.
    expect(sizes[4]).toBeGreaterThan(4_000);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8_000);
  });

  it("F3: stays as it is while what comes has to wait for the reader", () => {
    const window = growing(new WindowBudget(1_000_000));
    expect(Array.from({ length: 5 }, () => roundTrip(window, 1))).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it("windows grow by no more than their budget in all, and what one gives back at its end is for the others", () => {
    const budget = new WindowBudget(7_500);
    const [first, second] = [growing(budget), growing(budget)];
    for (let round = 0; round < 5; round += 1) for (const window of [first, second]) roundTrip(window, 8);
    expect(budget.leftBytes).toBe(0);
    expect(first.availableBytes + second.availableBytes).toBeLessThanOrEqual(9_500);
    first.release();
    const { leftBytes } = budget;
    first.release();
    expect([leftBytes > 0, budget.leftBytes]).toEqual([true, leftBytes]);
    for (let round = 0; round < 5; round += 1) roundTrip(second, 8);
    second.release();
    expect(budget.leftBytes).toBe(7_500);
  });
});
