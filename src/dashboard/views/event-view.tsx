import { useState } from "preact/hooks";

import { directorNow, type Live } from "../live/store";
import { plural } from "../model/words";
import { EventList, eventWord } from "../parts/event-list";
import { FilterField } from "../parts/filter-field";
import { formatRoute, type Route } from "../model/route";
import type { Go } from "../live/routing";

/** What happened in the cluster, with its causes. */
export function EventView({ live, route, go }: { readonly live: Live; readonly route: Route; readonly go: Go }) {
  const [kind, setKind] = useState("");
  const { events } = live.model;
  const kinds = [...new Set(events.map((event) => event.kind))].sort();
  const words = route.text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = events.filter(
    (event) =>
      (kind === "" || event.kind === kind) &&
      words.every((word) => `${event.memberId} ${event.detail} ${event.agent ?? ""}`.toLowerCase().includes(word)),
  );
  return (
    <section class="view" aria-label="Events">
      <div class="toolbar">
        <FilterField what="events" hint="worker, cause" route={route} go={go} />
        <label class="inline">
          <span class="muted">Kind</span>{" "}
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">all</option>
            {kinds.map((of) => (
              <option key={of} value={of}>
                {eventWord(of)}
              </option>
            ))}
          </select>
        </label>
        <span class="muted shown">
          {shown.length === events.length
            ? plural(events.length, "event")
            : `${shown.length} of ${plural(events.length, "event")}`}
        </span>
      </div>
      <div class="page" tabIndex={0} role="region" aria-label="List of events">
        {shown.length === 0 ? (
          <p class="nothing">
            {events.length === 0 ? "Nothing happened since this director has kept events." : "No event matches."}
          </p>
        ) : (
          <EventList
            events={shown}
            nowUnixMs={directorNow(live)}
            href={(memberId) => formatRoute({ ...route, view: "workers", text: "", workerId: memberId })}
          />
        )}
      </div>
    </section>
  );
}
