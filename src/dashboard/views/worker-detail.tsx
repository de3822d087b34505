import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { directorNow, type Live } from "../live/store";
import type { Action } from "../model/actions";
import { commandOf } from "../model/actions";
import { reasonOf, situationOf } from "../model/situation";
import { statusName } from "../model/status-names";
import type { Worker } from "../model/worker";
import { ago, clockTime, count, duration, milliseconds } from "../model/words";
import { CliTwin } from "../parts/cli-twin";
import { EventList } from "../parts/event-list";
import { LoadBar } from "../parts/load-bar";
import { SituationMark } from "../parts/situation-mark";
import { lastBeat } from "./worker-columns";

interface WorkerDetailProps {
  readonly live: Live;
  readonly workerId: string;
  readonly close: () => void;
  readonly act: (action: Action) => void;
}

/** All there is to know of one worker, and what can be done with it. */
export function WorkerDetail({ live, workerId, close, act }: WorkerDetailProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [workerId]);
  const worker = [...live.model.workers.values()].find(({ memberId }) => memberId === workerId);
  const events = live.model.events.filter(({ memberId }) => memberId === workerId);
  const nowUnixMs = directorNow(live);
  return (
    <aside class="detail" aria-label={`Worker ${workerId}`}>
      <div class="detail-head">
        <h2 ref={heading} tabIndex={-1}>
          {worker?.label || workerId}
        </h2>
        <button type="button" class="quiet" onClick={close} aria-label="Close the details" title="Close ( Esc )">
          ✕
        </button>
      </div>
      {worker ? (
        <Known worker={worker} live={live} act={act} />
      ) : (
        <p class="muted">{live.heardAtMs === 0 ? "Waiting for the director…" : "There is no worker of this id now."}</p>
      )}
      <h3>What happened</h3>
      {events.length === 0 ? (
        <p class="muted">Nothing since this director has kept events.</p>
      ) : (
        <EventList events={events} nowUnixMs={nowUnixMs} />
      )}
    </aside>
  );
}

function Known({
  worker,
  live,
  act,
}: {
  readonly worker: Worker;
  readonly live: Live;
  readonly act: (action: Action) => void;
}) {
  const nowUnixMs = directorNow(live);
  const { directorId } = live.model;
  const situation = situationOf(worker);
  const { memberId, intent } = worker;
  return (
    <>
      <p class={`situation is-${situation}`}>
        <SituationMark situation={situation} />
        <span>{reasonOf(worker)}.</span>
      </p>
      <div class="actions" role="group" aria-label="Actions">
        {intent !== "serving" && (
          <button type="button" class="primary" onClick={() => act({ kind: "resume", memberId })}>
            Resume
          </button>
        )}
        {intent === "draining" || intent === "maintenance" ? (
          <button type="button" onClick={() => act({ kind: "watch-drain", memberId })}>
            Watch the drain
          </button>
        ) : (
          <button type="button" onClick={() => act({ kind: "drain", memberId })}>
            Drain
          </button>
        )}
        <button type="button" onClick={() => act({ kind: "cordon", memberId })} disabled={intent === "cordoned"}>
          Cordon
        </button>
        <button
          type="button"
          onClick={() => act({ kind: "maintenance", memberId })}
          disabled={intent === "maintenance"}
        >
          Maintenance
        </button>
        <button type="button" onClick={() => act({ kind: "standby", memberId })} disabled={intent === "standby"}>
          Standby
        </button>
        {situation === "gone" && (
          <button type="button" onClick={() => act({ kind: "remove", memberId })}>
            Forget
          </button>
        )}
      </div>
      {intent !== "serving" && (
        <div class="intent">
          <h3>Intent: {intent}</h3>
          <p>
            {worker.intentReason || "no reason was given"}
            <span class="muted">
              {" — "}
              {worker.intentBy || "nobody said who"}
              {worker.intentSinceUnixMs > 0 && `, ${ago(worker.intentSinceUnixMs, nowUnixMs)}`}
              {worker.intentDeadlineUnixMs > 0 && `, until ${clockTime(worker.intentDeadlineUnixMs)}`}
            </span>
          </p>
        </div>
      )}
      <dl class="facts">
        <Fact name="Slots">
          <LoadBar worker={worker} />
        </Fact>
        <Fact name="Latency">
          p50 {milliseconds(worker.p50Ms)}, p99 {milliseconds(worker.p99Ms)}
        </Fact>
        <Fact name="Calls">
          {count(worker.callsStarted)} began, {count(worker.callsFailed)} failed, {count(worker.callsCancelled)} were
          cancelled
        </Fact>
        {Object.keys(worker.errors).length > 0 && (
          <Fact name="Errors">
            {Object.entries(worker.errors).map(([code, times]) => (
              <span key={code} class="tag">
                {statusName(code)} {count(times)}
              </span>
            ))}
          </Fact>
        )}
        <Fact name="State">
          {worker.state}, for {duration(nowUnixMs - worker.stateSinceUnixMs)}
          {worker.stateReason !== "" && <span class="muted"> ({worker.stateReason})</span>}
        </Fact>
        <Fact name="Heartbeat">
          {lastBeat(worker, { nowUnixMs, directorId })}, φ {worker.phi === 0 ? "<1" : worker.phi}
        </Fact>
        <Fact name="Load">
          CPU {Math.round(worker.cpuRatio * 100)} %, memory {Math.round(worker.memoryRatio * 100)} %, event loop{" "}
          {worker.loopLagMs} ms late
        </Fact>
        <Fact name="Address">
          <code>{worker.address}</code>
        </Fact>
        <Fact name="Director">{worker.homeDirectorId || "–"}</Fact>
        <Fact name="Machine">{machine(worker)}</Fact>
        <Fact name="Version">{worker.version || "–"}</Fact>
        <Fact name="Role">{worker.role}</Fact>
        <Fact name="Services">
          {worker.services.map((service) => (
            <code key={service} class="line">
              {service}
            </code>
          ))}
        </Fact>
        <Fact name="Tags">
          {Object.entries(worker.tags).map(([key, value]) => (
            <span key={key} class="tag">
              {key}={value}
            </span>
          ))}
        </Fact>
        <Fact name="Joined">
          {ago(worker.joinedAtUnixMs, nowUnixMs)}, incarnation {worker.incarnation}
        </Fact>
      </dl>
      <h3>The same on the command line</h3>
      <CliTwin command={`heddle nodes show ${memberId}`} />
      {intent !== "serving" && <CliTwin command={commandOf({ kind: "resume", memberId }, NO_FORM)} />}
    </>
  );
}

const NO_FORM = { reason: "", author: "", deadlineMinutes: 30, force: false, choice: "" };

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function machine({ resources }: Worker): string {
  const { hostname = "", platform = "", cpuCores = 0, memoryMib = 0 } = resources;
  const size = cpuCores === 0 ? "" : `${cpuCores} cores, ${Math.round(Number(memoryMib) / 102.4) / 10} GiB`;
  return [hostname, platform, size].filter((part) => part !== "").join(", ") || "–";
}
