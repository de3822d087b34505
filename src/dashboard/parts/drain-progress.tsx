import type { DrainProgress } from "../live/rpc";
import { clockTime, duration, plural } from "../model/words";

/** In the order in which they come. */
const PHASES: Readonly<Record<string, string>> = {
  DRAIN_PHASE_TAKING_OUT: "Being taken out of routing",
  DRAIN_PHASE_FINISHING: "Finishing the calls it has",
  DRAIN_PHASE_DEADLINE_PASSED: "The deadline passed",
  DRAIN_PHASE_COMPLETE: "Complete: no call is in flight there",
  DRAIN_PHASE_CANCELLED: "Cancelled: it is to serve again",
  DRAIN_PHASE_LEFT: "It left",
  DRAIN_PHASE_LOST: "It was judged dead before the drain was complete",
};

const LAST = new Set(["DRAIN_PHASE_COMPLETE", "DRAIN_PHASE_LEFT"]);

/** How far a drain is. */
export function DrainProgressView({ progress }: { readonly progress: DrainProgress }) {
  const { phase = "", inFlight = 0, measuredBy, elapsedMs = "0", deadlineUnixMs = "0", detail = "" } = progress;
  const isOver = LAST.has(phase);
  return (
    <div class="drain" data-phase={phase}>
      <p class={isOver ? "good" : ""}>
        {isOver && "✓ "}
        <strong>{PHASES[phase] ?? phase}</strong> after {duration(Number(elapsedMs))}
      </p>
      {detail !== "" && <p class="muted">{detail}</p>}
      {!isOver && (
        <p>
          {plural(inFlight, "call")} in flight
          {measuredBy === "DRAIN_MEASURE_DIRECTOR" && " through this director"}
          {deadlineUnixMs !== "0" && `, until ${clockTime(Number(deadlineUnixMs))}`}
        </p>
      )}
    </div>
  );
}
