import { situationOf } from "../model/situation";
import type { Worker } from "../model/worker";
import { fullness } from "../model/worker-order";
import { count } from "../model/words";

/** Slots in use, as a bar and as numbers. */
export function LoadBar({ worker }: { readonly worker: Worker }) {
  const { slots, inFlight } = worker;
  const situation = situationOf(worker);
  if (slots === 0) return <span class="load-none">{count(inFlight)} of any</span>;
  const percent = Math.round(Math.min(1, fullness(worker)) * 100);
  return (
    <span class={`load is-${situation}`}>
      <span class="load-track" aria-hidden="true">
        <span class="load-fill" style={{ width: `${percent}%` }} />
      </span>
      <span class="load-text">
        {count(inFlight)}/{count(slots)}
      </span>
    </span>
  );
}
