import type { Cancellation } from "./cancellation";
import type { Clock } from "./clock";

/** `Clock.sleep`, made of the clock's `after`. */
export function sleepOn(clock: Pick<Clock, "after">, delayMs: number, signal?: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
