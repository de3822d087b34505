import type { CallSeries, WireMember } from "../../wire/contract";
import type { Facts } from "./scrape";

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Upper bounds, ascending; the last class has none. */
  readonly boundsMs: readonly number[];
  /** How many were at most as long as each bound, and last how many there were. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

interface MetricText {
  readonly help: string;
  /** Always all of them; "" where one says nothing. */
  readonly labels: readonly string[];
}

/** What a metric is, and how it is read from the facts. */
export type Metric = MetricText &
  (
    | { readonly type: "counter" | "gauge"; read(facts: Facts): readonly Sample[] }
    | { readonly type: "histogram"; read(facts: Facts): readonly HistogramSample[] }
  );

export function gauge(help: string, labels: readonly string[], read: (facts: Facts) => readonly Sample[]): Metric {
  return { type: "gauge", help, labels, read };
}

export function single(type: "counter" | "gauge", help: string, value: (facts: Facts) => number): Metric {
  return { type, help, labels: [], read: (facts) => [{ labels: {}, value: value(facts) }] };
}

export function perMember(
  help: string,
  which: (facts: Facts) => readonly WireMember[],
  value: (member: WireMember) => number,
): Metric {
  const read = (facts: Facts) =>
    which(facts).map((member) => ({ labels: { member: member.memberId }, value: value(member) }));
  return { type: "gauge", help, labels: ["member"], read };
}

/** One sample for each name, those of which there are none among them. */
export function counted<T>(
  label: string,
  names: readonly string[],
  all: readonly T[],
  nameOf: (each: T) => string,
): Sample[] {
  const counts = new Map(names.map((name) => [name, 0]));
  for (const each of all) counts.set(nameOf(each), (counts.get(nameOf(each)) ?? 0) + 1);
  return [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }));
}

export function byMethod(series: readonly CallSeries[], boundsMs: readonly number[]): HistogramSample[] {
  const methods = new Map<string, { counts: number[]; sumMs: number }>();
  for (const { method, latencyCounts, latencySumMs } of series) {
    const sum = methods.get(method) ?? { counts: latencyCounts.map(() => 0), sumMs: 0 };
    methods.set(method, {
      counts: sum.counts.map((count, index) => count + Number(latencyCounts[index])),
      sumMs: sum.sumMs + latencySumMs,
    });
  }
  return [...methods].map(([method, { counts, sumMs }]) => ({ labels: { method }, boundsMs, counts, sumMs }));
}

export function seconds(milliseconds: number): number {
  return milliseconds / 1_000;
}
