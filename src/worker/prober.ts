import type { Connection } from "../core/call";
import type { Clock } from "../core/clock";

export interface ProbeResult {
  readonly reachable: boolean;
  /** What was seen, in words. */
  readonly detail: string;
}

/**
 * Tries another worker's data address: reachable means that it completed the HTTP/2 handshake, which a process that is stopped or
 * whose event loop is stuck does not. The indirect probe of SWIM (Das et al. 2002, §3.1).
 */
export function probe(
  connect: (address: string) => Connection,
  clock: Clock,
  address: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const startedMs = clock.monotonicMs();
    const connection = connect(address);
    const settle = (result: ProbeResult) => {
      cancelTimer();
      connection.close();
      resolve(result);
    };
    let last = "no answer";
    const cancelTimer = clock.after(timeoutMs, () =>
      settle({ reachable: false, detail: `${last} within ${timeoutMs} ms` }),
    );
    const succeed = () =>
      settle({ reachable: true, detail: `answered after ${Math.round(clock.monotonicMs() - startedMs)} ms` });
    connection.onReadiness((ready, reason) => {
      last = reason;
      if (ready) succeed();
    });
    if (connection.isReady()) succeed();
  });
}
