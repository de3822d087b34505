import type { Endpoint } from "../../src/balancing/endpoint";
import type { Picker, PickRequest } from "../../src/balancing/picker";
import type { TrackedEndpoint } from "../../src/balancing/tracked-endpoint";
import type { Clock } from "../../src/core/clock";
import type { Random } from "../../src/core/random";

/** A clock that is set, for simulations that step through thousands of instants synchronously. */
export class SteppedClock implements Clock {
  nowMs = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  sleep(): Promise<void> {
    return Promise.reject(new Error("a stepped clock wakes nobody"));
  }

  after(): () => void {
    return () => {};
  }
}

export interface SimulatedCall {
  readonly memberId: string;
  readonly startedAtMs: number;
  /** From arrival to answer. */
  readonly latencyMs: number;
  readonly failed: boolean;
}

export interface SimulationOptions<E extends Endpoint> {
  readonly clock: SteppedClock;
  readonly picker: Picker<E>;
  readonly random: Random;
  readonly durationMs: number;
  /** Arrivals are a Poisson process. */
  readonly callsPerSecond: number;
  /** How long `endpoint` takes for a call that begins now. */
  readonly serviceMs: (endpoint: E) => number;
  readonly fails?: (endpoint: E) => boolean;
  readonly request?: (call: number) => PickRequest;
}

/**
 * Runs calls on endpoints in virtual time and tells where each went. Service takes as long with many calls as with few,
 * unless `serviceMs` looks at `inFlight`. Calls that find no endpoint are dropped.
 */
export function simulate<E extends Endpoint>(options: SimulationOptions<E>): SimulatedCall[] {
  const { clock, picker, random } = options;
  const endMs = clock.nowMs + options.durationMs;
  const calls: SimulatedCall[] = [];
  const running: { endsAtMs: number; end: () => void }[] = [];
  const request = options.request ?? ((call: number) => ({ method: "a.B/C", affinityKey: `key-${call}` }));
  const endUntil = (untilMs: number) => {
    while (running.length > 0 && running.at(-1)!.endsAtMs <= untilMs) {
      const next = running.pop()!;
      clock.nowMs = next.endsAtMs;
      next.end();
    }
    clock.nowMs = untilMs;
  };
  for (let call = 0; ; call += 1) {
    const arrivesAtMs = clock.nowMs - (Math.log(1 - random.unit()) * 1_000) / options.callsPerSecond;
    if (arrivesAtMs > endMs) break;
    endUntil(arrivesAtMs);
    const picked = picker.pick(request(call));
    if (picked.kind !== "picked") continue;
    const { endpoint } = picked;
    const accounting = endpoint.begin();
    const latencyMs = options.serviceMs(endpoint);
    const failed = options.fails?.(endpoint) ?? false;
    calls.push({ memberId: endpoint.memberId, startedAtMs: arrivesAtMs, latencyMs, failed });
    const endsAtMs = arrivesAtMs + latencyMs;
    running.splice(placeOf(endsAtMs, running), 0, {
      endsAtMs,
      end: () => accounting.finish(failed ? "failed" : "ok"),
    });
  }
  endUntil(Math.max(endMs, running[0]?.endsAtMs ?? 0));
  return calls;
}

/** Where to put an end so that the next one to come stays last. */
function placeOf(endsAtMs: number, running: readonly { readonly endsAtMs: number }[]): number {
  let low = 0;
  let high = running.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (running[middle]!.endsAtMs > endsAtMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many of the calls went to each endpoint, in the endpoints' order. */
export function shares(
  calls: readonly { readonly memberId: string }[],
  endpoints: readonly TrackedEndpoint[],
): number[] {
  const counts = new Map(endpoints.map((endpoint) => [endpoint.memberId, 0]));
  for (const { memberId } of calls) counts.set(memberId, (counts.get(memberId) ?? 0) + 1);
  return [...counts.values()];
}

/** The value that `ratio` of all values are at or below. */
export function quantile(values: readonly number[], ratio: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * ratio))]!;
}
