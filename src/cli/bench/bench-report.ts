import { count, latency, rate } from "../top/figures";
import { displayWidth, padTo, printable } from "../printable";
import { paint, type Terminal } from "../terminal";
import type { BenchLoad, LoadPlan } from "./bench-load";
import type { LatencyHistogram } from "./latency-histogram";

const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;
const HISTOGRAM_LINES = 12;
const BAR_CELLS = 40;
const WORKERS_MAX = 20;
const FAILURES_MAX = 10;
const MESSAGE_MAX = 200;

export interface BenchSubject {
  /** "package.Service/Method". */
  readonly method: string;
  readonly direct: boolean;
  readonly responseStream: boolean;
  readonly plan: LoadPlan;
}

/** What a load came to, for people. */
export function reportLines(
  terminal: Terminal,
  { method, direct, responseStream, plan }: BenchSubject,
  load: BenchLoad,
): string[] {
  const dim = (text: string) => paint(terminal, "dim", text);
  const seconds = load.elapsedMs / 1_000;
  const way = direct ? "straight to the workers" : "through the director";
  const pace =
    plan.perSecond === undefined ? `${plan.concurrency} at a time` : `${count(plan.perSecond)} calls a second`;
  const lines = [
    `${method}, ${way}, ${pace}`,
    "",
    `calls      ${count(load.calls)} in ${seconds.toFixed(1)}s, ${count(load.failed)} failed`,
    `calls/s    ${rate(seconds > 0 ? load.calls / seconds : 0)}`,
  ];
  if (responseStream) lines.push(`answers/s  ${rate(seconds > 0 ? load.answers / seconds : 0)}`);
  if (load.unsent > 0) {
    lines.push(`not sent   ${count(load.unsent)} that were due: ${plan.concurrency} were in flight (--concurrency)`);
  }
  if (load.calls > 0) lines.push("", `latency    ${quantileText(load.latency)}`, ...histogramLines(load.latency));
  lines.push(...sharesOf(load), ...failuresOf(terminal, load));
  const meaning =
    plan.perSecond === undefined
      ? "Closed loop: each caller waits for its answer, so a stall hides the calls that would have come meanwhile. --rate measures them."
      : "Open loop: latency counts from when a call was due, so a stall shows in all calls that it delayed.";
  return [...lines, "", dim(meaning)];
}

function quantileText(histogram: LatencyHistogram): string {
  const quantiles = QUANTILES.map((quantile) => `p${quantile * 100} ${latency(histogram.quantileMs(quantile))}`);
  return [...quantiles, `max ${latency(histogram.maxMs)}`].join("   ");
}

/** Lines from the least to the largest, each a bound of 1, 2 or 5 times a power of ten; many calls make long bars. */
function histogramLines(histogram: LatencyHistogram): string[] {
  const bounds = boundsFor(histogram);
  const counts = bounds.map((toMs, index) => histogram.between(bounds[index - 1] ?? 0, toMs));
  const most = Math.max(...counts);
  return bounds.map((toMs, index) => {
    const calls = counts[index]!;
    const bar = "█".repeat(calls === 0 ? 0 : Math.max(1, Math.round((calls / most) * BAR_CELLS)));
    return `  ≤ ${latency(toMs).padStart(6)}  ${count(calls).padStart(count(most).length)}  ${bar}`.trimEnd();
  });
}

function boundsFor(histogram: LatencyHistogram): number[] {
  const bounds: number[] = [];
  for (let power = -3; power <= 8; power += 1) {
    for (const step of [1, 2, 5]) bounds.push(step * 10 ** power);
  }
  const first = Math.max(
    0,
    bounds.findIndex((bound) => bound >= histogram.minMs),
  );
  const last = bounds.findIndex((bound) => bound >= histogram.maxMs);
  const chosen = bounds.slice(first, last === -1 ? undefined : last + 1);
  // The first then has all that took less.
  return chosen.length > HISTOGRAM_LINES ? chosen.slice(-HISTOGRAM_LINES) : chosen;
}

function sharesOf({ perWorker, calls }: BenchLoad): string[] {
  const shares = [...perWorker].filter(([worker]) => worker !== "").sort((a, b) => b[1] - a[1]);
  if (shares.length === 0) return [];
  const shown = shares.slice(0, WORKERS_MAX).map(([worker, share]) => ({ name: printable(worker), share }));
  const width = Math.max(...shown.map(({ name }) => displayWidth(name)));
  const figures = shown.map(({ share }) => count(share));
  const rows = shown.map(({ name, share }, index) => {
    const percent = `${((100 * share) / calls).toFixed(1)} %`;
    return `  ${padTo(name, width)}  ${figures[index]!.padStart(figures[0]!.length)}  ${percent.padStart(7)}`;
  });
  const more = shares.length > WORKERS_MAX ? [`  and ${shares.length - WORKERS_MAX} more`] : [];
  return ["", "workers", ...rows, ...more];
}

function failuresOf(terminal: Terminal, { failures }: BenchLoad): string[] {
  if (failures.size === 0) return [];
  const lines = [...failures]
    .sort((a, b) => b[1].count - a[1].count)
    .slice(0, FAILURES_MAX)
    .map(
      ([what, failure]) => `  ${count(failure.count)} × ${what}: ${printable(failure.message).slice(0, MESSAGE_MAX)}`,
    );
  return ["", paint(terminal, "red", "failures"), ...lines];
}

/** The same for programs. Keys stay as they are; new ones may come. */
export function plainReport({ method, direct, plan }: BenchSubject, load: BenchLoad) {
  const seconds = load.elapsedMs / 1_000;
  const { latency: histogram } = load;
  return {
    method,
    direct,
    loop: plan.perSecond === undefined ? "closed" : "open",
    concurrency: plan.concurrency,
    ratePerSecond: plan.perSecond ?? null,
    seconds,
    calls: load.calls,
    failed: load.failed,
    unsent: load.unsent,
    answers: load.answers,
    callsPerSecond: seconds > 0 ? load.calls / seconds : 0,
    latencyMs: {
      min: histogram.minMs,
      mean: histogram.meanMs,
      p50: histogram.quantileMs(0.5),
      p90: histogram.quantileMs(0.9),
      p99: histogram.quantileMs(0.99),
      p999: histogram.quantileMs(0.999),
      max: histogram.maxMs,
    },
    workers: Object.fromEntries([...load.perWorker].filter(([worker]) => worker !== "")),
    failures: Object.fromEntries([...load.failures].map(([what, { count: calls }]) => [what, calls])),
  };
}
