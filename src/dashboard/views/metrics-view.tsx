import type { FeedPoint } from "../feed-messages";
import type { Live } from "../live/store";
import { milliseconds, rate } from "../model/words";
import { Plot, type PlotLine } from "../parts/plot";

interface PlotPlan {
  readonly title: string;
  readonly lines: readonly (PlotLine & { readonly of: (point: FeedPoint) => number })[];
  readonly format: (value: number) => string;
}

const PLOTS: readonly PlotPlan[] = [
  {
    title: "Calls per second",
    lines: [{ label: "calls/s", colour: "--accent", of: (point) => point.callsPerSecond }],
    format: rate,
  },
  {
    title: "Failures per second",
    lines: [{ label: "failures/s", colour: "--bad", of: (point) => point.failuresPerSecond }],
    format: rate,
  },
  {
    title: "Latency",
    lines: [
      { label: "p50", colour: "--accent", of: (point) => point.p50Ms },
      { label: "p99", colour: "--full", dash: [5, 3], of: (point) => point.p99Ms },
    ],
    format: milliseconds,
  },
  {
    title: "In flight and queued",
    lines: [
      { label: "in flight", colour: "--accent", of: (point) => point.inFlight },
      { label: "queued", colour: "--bad", dash: [5, 3], of: (point) => point.queued },
    ],
    format: rate,
  },
];

/** The last minutes of the director that is looked at. */
export function MetricsView({ live }: { readonly live: Live }) {
  const { points, directorId } = live.model;
  const times = points.map((point) => point.atUnixMs / 1_000);
  return (
    <section class="view" aria-label="Metrics">
      <div class="page padded" tabIndex={0} role="region" aria-label="Plots">
        <p class="muted">
          Calls that ended at {directorId || "this director"}, second by second, since somebody has looked: five minutes
          at most. Other directors have their own; <code>/metrics</code> has all of it for Prometheus.
        </p>
        <div class="plots">
          {PLOTS.map(({ title, lines, format }) => {
            const latest = points.at(-1);
            return (
              <figure key={title} class="card">
                <figcaption>
                  <b>{title}</b>
                  {lines.map((line) => (
                    <span key={line.label} class="legend" style={{ color: `var(${line.colour})` }}>
                      {line.dash ? "╌ " : "— "}
                      <span>
                        {line.label} {latest ? format(line.of(latest)) : "–"}
                      </span>
                    </span>
                  ))}
                </figcaption>
                <Plot
                  title={title}
                  times={times}
                  lines={lines}
                  values={lines.map((line) => points.map(line.of))}
                  format={format}
                />
              </figure>
            );
          })}
        </div>
      </div>
    </section>
  );
}
