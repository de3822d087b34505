import { useState } from "preact/hooks";

import { useLive } from "./live/store";
import { useRoute } from "./live/routing";
import { Banners } from "./parts/banners";
import { Header } from "./parts/header";
import { WorkerTable } from "./views/worker-table";

export function App() {
  const [route, go] = useRoute();
  const live = useLive(route.directorId);
  const [, setHelp] = useState(false);
  return (
    <>
      <Header live={live} route={route} go={go} help={() => setHelp(true)} />
      <Banners live={live} retryNow={live.retryNow} />
      <main>{route.view === "workers" && <WorkerTable live={live} route={route} go={go} />}</main>
    </>
  );
}
