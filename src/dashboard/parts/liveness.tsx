import { directorNow, useNow, type Live } from "../live/store";
import { duration } from "../model/words";

/** Older than this, what is shown is called stale. */
const STALE_AFTER_MS = 3_000;

/** How fresh the page is: it says so all the time. */
export function Liveness({ live }: { readonly live: Live }) {
  const now = useNow(1_000);
  const { feed, heardAtMs, model } = live;
  const ageMs = Math.max(0, now - heardAtMs);
  if (feed.kind === "paused") return <span class="liveness is-paused">paused while hidden</span>;
  if (heardAtMs === 0)
    return <span class="liveness is-stale">{feed.kind === "broken" ? "not connected" : "connecting…"}</span>;
  const trouble = model.trouble === null ? undefined : directorNow(live) - model.trouble.sinceUnixMs;
  if (trouble !== undefined)
    return <span class="liveness is-stale">last update {duration(Math.floor(trouble / 1_000) * 1_000)} ago</span>;
  if (feed.kind === "live" && ageMs < STALE_AFTER_MS) return <span class="liveness is-live">live</span>;
  return <span class="liveness is-stale">last update {duration(Math.floor(ageMs / 1_000) * 1_000)} ago</span>;
}
