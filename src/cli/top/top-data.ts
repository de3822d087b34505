import type { CallCounts, NodeSample, TopSample } from "./sample";

/**
 * What a node is to somebody who looks for trouble. Full is a node that works as hard as it may; gone is one that does not work: `dead`
 * was judged so, `left` went by itself.
 */
export type Standing =
  | "ready"
  | "full"
  | "standby"
  | "joining"
  | "suspect"
  | "draining"
  | "cordoned"
  | "maintenance"
  | "not ready"
  | "left"
  | "dead";

/** Of calls that ended in the last seconds. Undefined until there are two samples of the same director. */
export interface Rates {
  readonly callsPerSecond: number | undefined;
  readonly failuresPerSecond: number | undefined;
}

export interface TopRow extends NodeSample, Rates {
  readonly standing: Standing;
  /** Time from its last heartbeat to the sample; undefined where the director that was asked has received none. */
  readonly heartbeatAgeMs: number | undefined;
}

export interface TopData extends Rates {
  /** The newest. */
  readonly sample: TopSample;
  readonly rows: readonly TopRow[];
  readonly readyNodes: number;
  /** Over all calls that ended in the last seconds; undefined where there were none or the director keeps no histogram. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/** Differences are taken over this time, so that figures can be read while they change. */
const WINDOW_MS = 5_000;

/** The last samples of one director. */
export class SampleWindow {
  #samples: TopSample[] = [];

  get newest(): TopSample | undefined {
    return this.#samples.at(-1);
  }

  add(sample: TopSample): void {
    const last = this.newest;
    const isSameLife = last?.director.id === sample.director.id && last.uptimeMs <= sample.uptimeMs;
    if (!isSameLife) this.#samples = [];
    this.#samples.push(sample);
    // One that is older stays, to have a whole window before the newest.
    while (this.#samples.length > 2 && sample.atMs - this.#samples[1]!.atMs >= WINDOW_MS) this.#samples.shift();
  }

  data(): TopData | undefined {
    const [first] = this.#samples;
    const last = this.newest;
    return first && last ? topData(last, first === last ? undefined : first) : undefined;
  }
}

/** The cluster as of `sample`, with rates since `earlier`. */
export function topData(sample: TopSample, earlier: TopSample | undefined): TopData {
  const seconds = earlier === undefined ? 0 : (sample.atMs - earlier.atMs) / 1_000;
  const before = new Map(earlier?.nodes.map((node) => [node.id, node.counts]));
  const rows = sample.nodes.map((node): TopRow => {
    const heartbeatAgeMs =
      node.lastHeartbeatUnixMs === 0 ? undefined : Math.max(0, sample.wallMs - node.lastHeartbeatUnixMs);
    return {
      ...node,
      ...ratesOf(node.counts, before.get(node.id), seconds),
      standing: standingOf(node),
      heartbeatAgeMs,
    };
  });
  const latency = latencyOf(sample, earlier);
  return {
    sample,
    rows,
    readyNodes: rows.filter(({ ready }) => ready).length,
    ...ratesOf(sample.counts, earlier?.counts, seconds),
    p50Ms: latency?.(0.5),
    p99Ms: latency?.(0.99),
  };
}

function ratesOf(counts: CallCounts, before: CallCounts | undefined, seconds: number): Rates {
  if (before === undefined || seconds <= 0) return { callsPerSecond: undefined, failuresPerSecond: undefined };
  return {
    callsPerSecond: Math.max(0, counts.ended - before.ended) / seconds,
    failuresPerSecond: Math.max(0, counts.failed - before.failed) / seconds,
  };
}

function standingOf({ state, intent, ready, slots, inFlight }: NodeSample): Standing {
  if (state === "dead" || state === "left" || state === "suspect" || state === "joining") return state;
  if (state === "draining" || intent === "draining") return "draining";
  if (intent === "maintenance" || intent === "cordoned") return intent;
  // A full node may be one that a director counts as not ready for this moment.
  if (slots > 0 && inFlight >= slots) return "full";
  if (!ready) return "not ready";
  return intent === "standby" ? "standby" : "ready";
}

/** A quantile by linear interpolation within the bucket, as Prometheus' histogram_quantile does. */
function latencyOf(sample: TopSample, earlier: TopSample | undefined): ((quantile: number) => number) | undefined {
  const { latencyBoundsMs: bounds, latencyCounts } = sample;
  if (earlier?.latencyCounts.length !== latencyCounts.length) return undefined;
  const counts = latencyCounts.map((count, index) => count - earlier.latencyCounts[index]!);
  const total = counts.at(-1) ?? 0;
  if (total <= 0) return undefined;
  return (quantile) => {
    const rank = quantile * total;
    const index = counts.findIndex((count) => count >= rank);
    const upperMs = bounds[index];
    // Beyond the last bound nothing is known but that.
    if (upperMs === undefined) return bounds.at(-1) ?? 0;
    const [lowerMs, below] = index === 0 ? [0, 0] : [bounds[index - 1]!, counts[index - 1]!];
    return lowerMs + ((upperMs - lowerMs) * (rank - below)) / Math.max(1, counts[index]! - below);
  };
}
