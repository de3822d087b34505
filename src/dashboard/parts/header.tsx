import { THEMES, type Theme } from "../live/preferences";
import type { Live } from "../live/store";
import type { Go } from "../live/routing";
import { formatRoute, VIEWS, type Route, type View } from "../model/route";
import { Liveness } from "./liveness";

export const VIEW_TITLES: Readonly<Record<View, string>> = {
  workers: "Workers",
  calls: "Calls",
  topology: "Topology",
  metrics: "Metrics",
  events: "Events",
  agents: "Agents",
};

interface HeaderProps {
  readonly live: Live;
  readonly route: Route;
  readonly go: Go;
  readonly help: () => void;
  readonly theme: Theme;
  readonly nextTheme: () => void;
}

export function Header({ live, route, go, help, theme, nextTheme }: HeaderProps) {
  const { cluster } = live.model;
  return (
    <header class="top">
      <div class="bar">
        <h1>
          <Logo /> heddle
          {cluster && <span class="cluster-name">{cluster.clusterName || cluster.clusterId}</span>}
        </h1>
        <DirectorChoice live={live} route={route} go={go} />
        <Liveness live={live} />
        <ThemeSwitch theme={theme} nextTheme={nextTheme} />
        <button type="button" class="quiet" onClick={help} aria-label="Keys and help" title="Keys and help ( ? )">
          ?
        </button>
      </div>
      <nav class="tabs" aria-label="Views">
        {VIEWS.map((view, index) => (
          <a
            key={view}
            href={formatRoute({ ...route, view, workerId: "" })}
            aria-current={route.view === view ? "page" : undefined}
            title={`${VIEW_TITLES[view]} ( ${index + 1} )`}
          >
            {VIEW_TITLES[view]}
          </a>
        ))}
      </nav>
    </header>
  );
}

/** All directors of the cluster, found by themselves: whose view is shown, and who carries out what is asked. */
function DirectorChoice({ live, route, go }: Pick<HeaderProps, "live" | "route" | "go">) {
  const directors = live.model.cluster?.directors ?? [];
  const shown = route.directorId || live.model.directorId;
  const isListed = directors.some((of) => of.directorId === shown);
  return (
    <div class="director-choice">
      <span class="label" aria-hidden="true">
        Director
      </span>
      <select
        aria-label="Director to look at"
        value={shown}
        onChange={(event) => go({ directorId: event.currentTarget.value })}
      >
        {!isListed && <option value={shown}>{shown || "…"}</option>}
        {directors.map((of) => (
          <option key={of.directorId} value={of.directorId}>
            {of.directorId}
            {of.directorId === live.model.cluster?.leaderId ? " (leader)" : ""}
          </option>
        ))}
      </select>
    </div>
  );
}

function ThemeSwitch({ theme, nextTheme }: Pick<HeaderProps, "theme" | "nextTheme">) {
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return (
    <button
      type="button"
      class="quiet theme"
      title={`Colours: ${theme}. Next: ${next} ( t )`}
      aria-label={`Colours: ${theme}. Change to ${next}`}
      onClick={nextTheme}
    >
      {theme === "system" ? "◐" : theme === "light" ? "☀" : "☾"}
    </button>
  );
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <path d="M3 1v14M8 1v4m0 6v4M13 1v14" stroke="currentColor" stroke-width="1.6" />
      <circle cx="8" cy="8" r="2.4" fill="none" class="logo-eye" stroke-width="1.6" />
    </svg>
  );
}
