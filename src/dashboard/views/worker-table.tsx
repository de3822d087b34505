import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { directorNow, type Live } from "../live/store";
import { useKeys } from "../live/keys";
import type { Go } from "../live/routing";
import { formatRoute, type Route } from "../model/route";
import { situationOf } from "../model/situation";
import { countSituations, filterWorkers, sortWorkers } from "../model/worker-order";
import { plural } from "../model/words";
import { FilterField } from "../parts/filter-field";
import { SituationMark } from "../parts/situation-mark";
import { COLUMNS, type CellContext, type Column } from "./worker-columns";

/** Of a row, as the styles have it. */
const ROW_PX = 34;
/** Rows drawn beyond what is seen, so that scrolling shows no gaps. */
const MARGIN_ROWS = 10;

/** The workers, of which only those in sight are drawn. */
export function WorkerTable({ live, route, go }: { readonly live: Live; readonly route: Route; readonly go: Go }) {
  const { model } = live;
  const all = useMemo(() => [...model.workers.values()], [model.workers]);
  const counts = useMemo(() => countSituations(all), [all]);
  const shown = useMemo(
    () => sortWorkers(filterWorkers(all, route), route.order),
    [all, route.text, route.situation, route.order],
  );
  const [current, setCurrent] = useState("");
  const scroller = useRef<HTMLDivElement>(null);
  const [first, last] = useWindow(scroller, shown.length);
  const rows = shown.slice(first, last);
  const context: CellContext = {
    nowUnixMs: directorNow(live),
    directorId: model.directorId,
    href: (worker) => formatRoute({ ...route, workerId: worker.memberId }),
  };

  const move = (step: number) => {
    const index = shown.findIndex((worker) => worker.memberId === current);
    const next = shown[Math.min(shown.length - 1, Math.max(0, index === -1 ? 0 : index + step))];
    if (!next) return;
    setCurrent(next.memberId);
    bringIntoSight(scroller.current, shown.indexOf(next));
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: current === "" ? undefined : () => go({ workerId: current }),
  });

  const sortBy = ({ sort, descending = false }: Column) => {
    if (!sort) return;
    const { key, descending: wasDescending } = route.order;
    go({ order: { key: sort, descending: key === sort ? !wasDescending : descending } }, "replace");
  };

  return (
    <section class="view workers" aria-label="Workers">
      <div class="toolbar">
        <FilterField what="workers" hint="name, tag, service" route={route} go={go} />
        <div class="chips" role="group" aria-label="Show only workers that are">
          {[...counts].map(([situation, times]) => (
            <button
              key={situation}
              type="button"
              class="chip"
              aria-pressed={route.situation === situation}
              onClick={() => go({ situation: route.situation === situation ? undefined : situation }, "replace")}
            >
              <SituationMark situation={situation} /> <b>{times}</b>
            </button>
          ))}
        </div>
        <span class="muted shown">
          {shown.length === all.length
            ? plural(all.length, "worker")
            : `${shown.length} of ${plural(all.length, "worker")}`}
        </span>
      </div>
      <div class="scroller" ref={scroller} tabIndex={0} role="region" aria-label="Table of workers">
        <table aria-rowcount={shown.length + 1}>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <HeadCell key={column.name} column={column} route={route} sortBy={sortBy} />
              ))}
            </tr>
          </thead>
          <tbody>
            <Space rows={first} />
            {rows.map((worker, index) => (
              <tr
                key={worker.memberId}
                class={`row is-${situationOf(worker)}${worker.memberId === route.workerId ? " is-open" : ""}`}
                aria-rowindex={first + index + 2}
                aria-current={worker.memberId === current ? "true" : undefined}
                data-member={worker.memberId}
                onClick={() => {
                  setCurrent(worker.memberId);
                  go({ workerId: worker.memberId });
                }}
              >
                {COLUMNS.map(({ name, cell }) => (
                  <td key={name} class={`c-${name}`}>
                    {cell(worker, context)}
                  </td>
                ))}
              </tr>
            ))}
            <Space rows={shown.length - last} />
          </tbody>
        </table>
        {shown.length === 0 && (
          <Nothing
            live={live}
            isFiltered={all.length > 0}
            clear={() => go({ text: "", situation: undefined }, "replace")}
          />
        )}
      </div>
    </section>
  );
}

function HeadCell({
  column,
  route,
  sortBy,
}: {
  readonly column: Column;
  readonly route: Route;
  readonly sortBy: (column: Column) => void;
}) {
  const { name, title, hint, sort } = column;
  const isSorted = sort !== undefined && route.order.key === sort;
  const direction = route.order.descending ? "descending" : "ascending";
  return (
    <th scope="col" class={`c-${name}`} title={hint} aria-sort={isSorted ? direction : undefined}>
      {sort === undefined ? (
        title
      ) : (
        <button type="button" onClick={() => sortBy(column)}>
          {title}
          <span class="sort" aria-hidden="true">
            {isSorted ? (route.order.descending ? " ↓" : " ↑") : ""}
          </span>
        </button>
      )}
    </th>
  );
}

/** Stands for rows that are not drawn. */
function Space({ rows }: { readonly rows: number }) {
  return rows > 0 ? <tr class="space" aria-hidden="true" style={{ height: `${rows * ROW_PX}px` }} /> : null;
}

function Nothing({
  live,
  isFiltered,
  clear,
}: {
  readonly live: Live;
  readonly isFiltered: boolean;
  readonly clear: () => void;
}) {
  if (live.heardAtMs === 0) return <p class="nothing">Waiting for the director…</p>;
  if (isFiltered) {
    return (
      <p class="nothing">
        No worker matches.{" "}
        <button type="button" class="quiet" onClick={clear}>
          Show all
        </button>
      </p>
    );
  }
  return (
    <p class="nothing">
      No worker is attached. Start one with <code>heddle worker</code>.
    </p>
  );
}

/** Which rows are in sight, and some around them. */
function useWindow(scroller: { readonly current: HTMLDivElement | null }, count: number): readonly [number, number] {
  const [sight, setSight] = useState({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const look = () => setSight({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    look();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);
  const from = Math.floor(sight.top / ROW_PX) - MARGIN_ROWS;
  const to = Math.ceil((sight.top + sight.height) / ROW_PX) + MARGIN_ROWS;
  const last = Math.min(count, Math.max(0, to));
  return [Math.min(last, Math.max(0, from)), last];
}

function bringIntoSight(element: HTMLDivElement | null, index: number): void {
  if (!element) return;
  const top = index * ROW_PX;
  // The head covers a row's height at the top.
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + 2 * ROW_PX > element.scrollTop + element.clientHeight) {
    element.scrollTop = top + 2 * ROW_PX - element.clientHeight;
  }
}
