import type { Clock } from "../core/clock";
import { FabricError } from "../core/errors";

/**
 * The promise's outcome, or STORE_UNAVAILABLE when it takes longer than `timeoutMs` (S6: the operation may still happen).
 * `what` names the operation in the message.
 */
export function withinDeadline<T>(clock: Clock, timeoutMs: number, what: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(timeoutMs, () => {
      reject(new FabricError("STORE_UNAVAILABLE", `${what}: no answer within ${timeoutMs} ms; it may still happen.`));
    });
    answer.then(resolve, reject).finally(cancel);
  });
}
