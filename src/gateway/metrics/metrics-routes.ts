import type { FastifyPluginCallback } from "fastify";
import { Gauge, Registry } from "prom-client";

import type { HistogramSample, Metric } from "./metric";
import { METRICS } from "./metric-table";
import { scrape, type Facts, type ScrapeParts } from "./scrape";

/**
 * `/metrics`, in the text format of Prometheus. Nothing is counted here: each scrape asks the director once, and scrapes that come at the
 * same time share the answer.
 */
export function metricsRoutes(parts: ScrapeParts): FastifyPluginCallback {
  const registry = new Registry();
  const facts: FactsOfScrape = { current: undefined };
  for (const [name, metric] of Object.entries(METRICS)) new ReadMetric(name, metric, registry, facts);
  let underWay: Promise<string> | undefined;

  const text = async (): Promise<string> => {
    facts.current = await scrape(parts);
    const lines = registry.metrics();
    facts.current = undefined; // it was read already; the lines are only joined later
    return lines;
  };

  return (app, _options, done) => {
    app.get("/metrics", async (_request, reply) => {
      underWay ??= text().finally(() => (underWay = undefined));
      return reply.type(registry.contentType).send(await underWay);
    });
    done();
  };
}

interface FactsOfScrape {
  current: Facts | undefined;
}

/** A metric of the table, as prom-client prints it. */
class ReadMetric extends Gauge {
  readonly #name: string;
  readonly #metric: Metric;
  readonly #facts: FactsOfScrape;

  constructor(name: string, metric: Metric, registry: Registry, facts: FactsOfScrape) {
    super({ name, help: metric.help, labelNames: [...metric.labels], registers: [registry] });
    this.#name = name;
    this.#metric = metric;
    this.#facts = facts;
  }

  override get(): ReturnType<Gauge["get"]> {
    const facts = this.#facts.current!;
    const { help, type } = this.#metric;
    const values =
      this.#metric.type === "histogram"
        ? this.#metric.read(facts).flatMap((sample) => histogramLines(this.#name, sample))
        : this.#metric.read(facts).map(({ labels, value }) => ({ labels: { ...labels }, value }));
    const metric = { name: this.#name, help, type, aggregator: "sum", values, collect: () => {} };
    // prom-client declares the type as a number; it prints its name.
    return Promise.resolve(metric as unknown as Awaited<ReturnType<Gauge["get"]>>);
  }
}

/** As Prometheus has histograms: how many were at most as long as each bound, in seconds, then the sum and how many there were. */
function histogramLines(name: string, { labels, boundsMs, counts, sumMs }: HistogramSample) {
  const total = counts.at(-1) ?? 0;
  const buckets = counts.map((value, index) => {
    const boundMs = boundsMs[index];
    const le = boundMs === undefined ? "+Inf" : String(boundMs / 1_000);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { ...labels }, value: sumMs / 1_000 },
    { metricName: `${name}_count`, labels: { ...labels }, value: total },
  ];
}
