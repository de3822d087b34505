import { directorNow, type Live } from "../live/store";
import { formatRoute, type Route } from "../model/route";
import { reasonOf, situationOf } from "../model/situation";
import type { Worker } from "../model/worker";
import { countSituations, fullness, sortWorkers } from "../model/worker-order";
import { duration, plural } from "../model/words";
import { SituationIcon, SituationMark, SITUATION_WORDS } from "../parts/situation-mark";

/** Of a zone with more, only the signs of its workers are drawn. */
const NAMED_MAX = 40;
/** Of a zone with more, the rest is counted. */
const SIGNS_MAX = 400;

const TYPES: Readonly<Record<string, string>> = {
  simple: "one director, one zone",
  hierarchical: "one director, several zones",
  mesh: "several directors, one zone",
  hybrid: "several directors, several zones",
};

/** The directors, and the workers by zone. */
export function TopologyView({ live, route }: { readonly live: Live; readonly route: Route }) {
  const { cluster, workers, directorId } = live.model;
  const nowUnixMs = directorNow(live);
  const all = [...workers.values()];
  const zones = new Map<string, Worker[]>();
  for (const worker of all) {
    const zone = worker.tags["zone"] ?? "";
    zones.set(zone, [...(zones.get(zone) ?? []), worker]);
  }
  const homes = new Map<string, number>();
  for (const { homeDirectorId } of all) homes.set(homeDirectorId, (homes.get(homeDirectorId) ?? 0) + 1);
  return (
    <section class="view" aria-label="Topology">
      <div class="page padded" tabIndex={0} role="region" aria-label="Directors and zones">
        <p class="muted">
          {cluster && cluster.topology !== "" && (
            <>
              <b>{cluster.topology}</b>: {TYPES[cluster.topology]}.{" "}
            </>
          )}
          {plural(cluster?.directors.length ?? 0, "director")}, {plural(zones.size, "zone")},{" "}
          {plural(all.length, "worker")}. The store{" "}
          {cluster?.storeAvailable === false ? "does not answer: this is what was known last." : "answers."}
        </p>
        <h2>Directors</h2>
        <ul class="directors">
          {cluster?.directors.map((of) => (
            <li key={of.directorId} class={`card ${of.directorId === directorId ? "is-looked-at" : ""}`}>
              <a href={formatRoute({ ...route, directorId: of.directorId })}>{of.directorId}</a>
              {of.directorId === cluster.leaderId && <span class="badge">★ leader, epoch {cluster.epoch}</span>}
              {of.directorId === directorId && <span class="badge">looked at</span>}
              {of.intent !== "serving" && <span class="badge">{of.intent}</span>}
              <p class="muted">
                home of {plural(homes.get(of.directorId) ?? 0, "worker")} · up for{" "}
                {duration(nowUnixMs - of.startedAtUnixMs)} · {of.version}
              </p>
              <p class="muted small">
                <code>{of.address}</code>
              </p>
            </li>
          ))}
        </ul>
        <h2>Zones</h2>
        <ul class="zones">
          {[...zones.keys()].sort().map((zone) => (
            <Zone key={zone} name={zone} workers={zones.get(zone)!} route={route} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function Zone({
  name,
  workers,
  route,
}: {
  readonly name: string;
  readonly workers: readonly Worker[];
  readonly route: Route;
}) {
  const sorted = sortWorkers(workers, { key: "label", descending: false });
  const isNamed = workers.length <= NAMED_MAX;
  return (
    <li class="card zone">
      <h3>
        {name === "" ? "no zone" : name}{" "}
        {[...countSituations(workers)].map(([situation, times]) => (
          <SituationMark key={situation} situation={situation} word={`${times} ${SITUATION_WORDS[situation]}`} />
        ))}
      </h3>
      <ul class={isNamed ? "tiles" : "signs"}>
        {sorted.slice(0, SIGNS_MAX).map((worker) => {
          const situation = situationOf(worker);
          const label = `${worker.label}: ${SITUATION_WORDS[situation]}, ${worker.inFlight} in flight. ${reasonOf(worker)}`;
          return (
            <li key={worker.memberId}>
              <a
                class={`tile is-${situation}`}
                href={formatRoute({ ...route, view: "workers", workerId: worker.memberId })}
                title={label}
                aria-label={isNamed ? undefined : label}
              >
                <SituationIcon situation={situation} />
                {isNamed && (
                  <>
                    <span class="name">{worker.label}</span>
                    <span class="visually-hidden">{SITUATION_WORDS[situation]}</span>
                    <span class="meter" aria-hidden="true">
                      <span style={{ width: `${Math.min(100, Math.round(fullness(worker) * 100))}%` }} />
                    </span>
                  </>
                )}
              </a>
            </li>
          );
        })}
      </ul>
      {workers.length > SIGNS_MAX && <p class="muted">and {workers.length - SIGNS_MAX} more</p>}
    </li>
  );
}
