import { useState } from "preact/hooks";

import { useKeys, type Keys } from "./live/keys";
import { readTheme, setTheme, THEMES, type Theme } from "./live/preferences";
import { useRoute } from "./live/routing";
import { useLive } from "./live/store";
import type { Action } from "./model/actions";
import { VIEWS } from "./model/route";
import { ActionDialog } from "./parts/action-dialog";
import { Banners } from "./parts/banners";
import { Header } from "./parts/header";
import { HelpDialog } from "./parts/help-dialog";
import { AgentView } from "./views/agent-view";
import { CallView } from "./views/call-view";
import { EventView } from "./views/event-view";
import { MetricsView } from "./views/metrics-view";
import { Summary } from "./views/summary";
import { TopologyView } from "./views/topology-view";
import { WorkerDetail } from "./views/worker-detail";
import { WorkerTable } from "./views/worker-table";

export function App() {
  const [route, go] = useRoute();
  const live = useLive(route.directorId);
  const [theme, showTheme] = useState<Theme>(readTheme);
  const [isHelp, setHelp] = useState(false);
  const [action, act] = useState<Action>();
  const nextTheme = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    setTheme(next);
    showTheme(next);
  };
  const { workerId, view } = route;
  const onWorker = (kind: "drain" | "cordon" | "maintenance" | "standby" | "resume") =>
    workerId === "" ? undefined : () => act({ kind, memberId: workerId });
  const keys: Keys = {
    "?": () => setHelp(true),
    "/": () => document.querySelector<HTMLElement>("input.filter")?.focus(),
    t: nextTheme,
    d: onWorker("drain"),
    c: onWorker("cordon"),
    m: onWorker("maintenance"),
    s: onWorker("standby"),
    r: onWorker("resume"),
    Escape: () => {
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      if (workerId !== "") go({ workerId: "" });
      else go({ text: "", situation: undefined }, "replace");
    },
    ...Object.fromEntries(VIEWS.map((of, index) => [String(index + 1), () => go({ view: of, workerId: "" })])),
  };
  useKeys(keys);
  return (
    <>
      <Header live={live} route={route} go={go} help={() => setHelp(true)} theme={theme} nextTheme={nextTheme} />
      <section aria-label="The cluster">
        <Banners live={live} retryNow={live.retryNow} />
        <Summary live={live} act={act} />
      </section>
      <main>
        {view === "workers" && <WorkerTable live={live} route={route} go={go} />}
        {view === "calls" && <CallView key={route.directorId} live={live} route={route} go={go} />}
        {view === "topology" && <TopologyView live={live} route={route} />}
        {view === "metrics" && <MetricsView live={live} />}
        {view === "events" && <EventView live={live} route={route} go={go} />}
        {view === "agents" && <AgentView live={live} route={route} act={act} />}
        {view === "workers" && workerId !== "" && (
          <WorkerDetail live={live} workerId={workerId} close={() => go({ workerId: "" })} act={act} />
        )}
      </main>
      {action && <ActionDialog action={action} directorId={route.directorId} close={() => act(undefined)} />}
      {isHelp && <HelpDialog close={() => setHelp(false)} />}
    </>
  );
}
