import type { Live } from "../live/store";
import type { Action } from "../model/actions";
import { milliseconds, rate } from "../model/words";

/** The cluster in a line of numbers, and its two switches. */
export function Summary({ live, act }: { readonly live: Live; readonly act: (action: Action) => void }) {
  const { cluster, points, workers, directorId } = live.model;
  const point = points.at(-1);
  let ready = 0;
  let inFlight = 0;
  for (const worker of workers.values()) {
    if (worker.ready) ready += 1;
    inFlight += worker.inFlight;
  }
  return (
    <dl class="summary">
      <Figure name="ready workers" value={`${ready} of ${workers.size}`} />
      <Figure name="in flight" value={String(inFlight)} />
      <Figure
        name="calls/s"
        value={point ? rate(point.callsPerSecond) : "–"}
        title={`Calls that ended at ${directorId}`}
      />
      <Figure
        name="failures/s"
        value={point ? rate(point.failuresPerSecond) : "–"}
        isBad={(point?.failuresPerSecond ?? 0) > 0}
      />
      <Figure name="p50 · p99" value={point ? `${milliseconds(point.p50Ms)} · ${milliseconds(point.p99Ms)}` : "–"} />
      <Figure name="queued" value={point ? String(point.queued) : "–"} isBad={(point?.queued ?? 0) > 0} />
      {cluster && (
        <div>
          <dt>policy</dt>
          <dd>
            <button
              type="button"
              class="switch"
              title="Switch the balancing policy"
              onClick={() => act({ kind: "policy", policy: cluster.policy, policies: cluster.policies })}
            >
              {cluster.policy}
            </button>
          </dd>
        </div>
      )}
      {cluster && (
        <div>
          <dt>leader</dt>
          <dd>
            <button
              type="button"
              class="switch"
              title="Transfer the leadership"
              onClick={() =>
                act({
                  kind: "transfer",
                  leaderId: cluster.leaderId,
                  candidates: cluster.directors.map((of) => of.directorId).filter((id) => id !== cluster.leaderId),
                })
              }
            >
              {cluster.leaderId || "none"}
            </button>
          </dd>
        </div>
      )}
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly title?: string;
  readonly isBad?: boolean;
}

function Figure({ name, value, title, isBad = false }: FigureProps) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd class={isBad ? "bad" : ""}>{value}</dd>
    </div>
  );
}
