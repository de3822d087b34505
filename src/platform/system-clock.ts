import { performance } from "node:perf_hooks";
import type { CancelTimer, Clock } from "../core/clock";
import { sleepOn } from "../core/sleep-on";

/** Beyond this Node fires a timer at once instead of late. */
const TIMER_MAX_MS = 2_147_483_647;

/** The real clock. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),

  sleep: (delayMs, signal) => sleepOn(systemClock, delayMs, signal),

  after: (delayMs, callback) => startTimer(delayMs, callback),
};

/** A timer of any length; one that is longer than Node's are is made of several. */
function startTimer(delayMs: number, callback: () => void): CancelTimer {
  let timer: NodeJS.Timeout;
  const start = (leftMs: number) => {
    const stepMs = Math.min(Math.max(0, leftMs), TIMER_MAX_MS);
    timer = setTimeout(() => (leftMs > stepMs ? start(leftMs - stepMs) : callback()), stepMs);
  };
  start(delayMs);
  return () => clearTimeout(timer);
}
