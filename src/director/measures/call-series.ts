import { Status } from "../../core/status";
import { LATENCY_CLASSES } from "./latency-scale";

const STATUSES = 17;

/** Calls by something, such as a gRPC status or a class of latency; only where there were any. */
export type Counted = readonly (readonly [index: number, calls: number])[];

/** What calls of one method came to at one member: as a whole, or since they were told before. Can be sent as JSON. */
export interface SeriesCounts {
  readonly method: string;
  readonly memberId: string;
  readonly ended: Counted;
  /** By the class of `latencyClass`. */
  readonly latency: Counted;
  readonly latencySumMs: number;
}

/** Counts of the calls of one method at one member. */
export class CallSeries {
  readonly method: string;
  /** "" when no member took them. */
  readonly memberId: string;
  readonly ended = new Float64Array(STATUSES);
  readonly latency = new Float64Array(LATENCY_CLASSES);
  latencySumMs = 0;

  constructor(method: string, memberId: string) {
    this.method = method;
    this.memberId = memberId;
  }

  count(status: number, latencyClass: number, latencyMs: number): void {
    this.ended[status < STATUSES ? status : Status.UNKNOWN]! += 1;
    this.latency[latencyClass]! += 1;
    this.latencySumMs += latencyMs;
  }

  add({ ended, latency, latencySumMs }: Omit<SeriesCounts, "method" | "memberId">): void {
    for (const [status, calls] of ended) this.ended[status]! += calls;
    for (const [index, calls] of latency) this.latency[index]! += calls;
    this.latencySumMs += latencySumMs;
  }

  get counts(): SeriesCounts {
    const { method, memberId, latencySumMs } = this;
    return { method, memberId, ended: counted(this.ended), latency: counted(this.latency), latencySumMs };
  }
}

export function counted(counts: Float64Array): Counted {
  return [...counts.entries()].filter(([, calls]) => calls > 0);
}
