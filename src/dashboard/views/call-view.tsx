import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { CallHistory, followCalls } from "../live/calls";
import type { Live } from "../live/store";
import { filterWorkers, sortWorkers } from "../model/worker-order";
import type { Go } from "../live/routing";
import type { Route } from "../model/route";
import { count, plural } from "../model/words";
import { drawCalls, methodColours, ROW_PX, SPAN_MS } from "./call-canvas";
import { FilterField } from "../parts/filter-field";
import { colours, useTheme } from "../parts/plot";

/** Pictures a second: enough to see it flow, at a few percent of a processor. */
const FRAME_MS = 250;
/** More rows than a person can compare; the filter says which. */
const ROWS_MAX = 100;

/** The task stream: a row for each worker, a bar for each call, so that skew is seen at a glance. */
export function CallView({ live, route, go }: { readonly live: Live; readonly route: Route; readonly go: Go }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const history = useMemo(() => new CallHistory(), [route.directorId]);
  const [, setDrawn] = useState(0);
  const theme = useTheme();
  const { model } = live;
  const workers = useMemo(() => {
    const matching = filterWorkers([...model.workers.values()], { text: route.text, situation: undefined });
    return sortWorkers(matching, { key: "label", descending: false });
  }, [model.workers, route.text]);
  const rows = workers.slice(0, ROWS_MAX);
  const latest = useRef(rows);
  latest.current = rows;

  useEffect(() => {
    const stop = new AbortController();
    void followCalls(route.directorId, history, stop.signal);
    return () => stop.abort();
  }, [history]);
  useEffect(() => {
    const colour = colours(canvas.current!.parentElement!);
    const draw = () => {
      if (document.hidden || !canvas.current) return;
      drawCalls(canvas.current, { rows: latest.current, history, colour });
      setDrawn(performance.now());
    };
    draw();
    const timer = window.setInterval(draw, FRAME_MS);
    return () => window.clearInterval(timer);
  }, [history, theme]);

  const recent = history.calls.filter((call) => call.startedAtUnixMs + call.durationMs > history.nowUnixMs() - SPAN_MS);
  const methods = methodColours(history.calls);
  return (
    <section class="view" aria-label="Calls">
      <div class="toolbar">
        <FilterField what="workers" hint="name, tag, service" route={route} go={go} />
        <ul class="methods" aria-label="Methods, and how many of their calls are shown">
          {[...methods].map(([method, colour]) => (
            <li key={method}>
              <span class="swatch" style={{ background: `var(${colour})` }} aria-hidden="true" />
              {method.replace(/^.*\./, "")} <b>{count(recent.filter((call) => call.method === method).length)}</b>
            </li>
          ))}
          <li>
            <span class="swatch is-failed" aria-hidden="true" />
            failed <b>{count(recent.filter((call) => call.status !== 0).length)}</b>
          </li>
        </ul>
        <span class="muted shown">
          the last {SPAN_MS / 1_000} s at {model.directorId || "this director"}
          {workers.length > rows.length && `, ${rows.length} of ${plural(workers.length, "worker")}`}
        </span>
      </div>
      {history.unavailable !== "" && (
        <p class="banner is-warn" role="status">
          No calls are told: {history.unavailable}
        </p>
      )}
      {history.omitted > 0 && (
        <p class="banner is-warn" role="status">
          {plural(history.omitted, "call")} more ended than could be shown.
        </p>
      )}
      <div class="page" tabIndex={0} role="region" aria-label="Calls by worker">
        <div class="stream" style={{ height: `${(rows.length + 1) * ROW_PX}px` }}>
          <canvas
            ref={canvas}
            role="img"
            aria-label={`${plural(recent.length, "call")} of ${plural(rows.length, "worker")} in the last ${SPAN_MS / 1_000} seconds, a row for each worker`}
          />
        </div>
      </div>
    </section>
  );
}
