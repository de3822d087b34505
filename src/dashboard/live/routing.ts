import { useCallback, useEffect, useState } from "preact/hooks";

import { formatRoute, parseRoute, type Route } from "../model/route";

export type Go = (change: Partial<Route>, how?: "push" | "replace") => void;

/** Where the page is, and how to go elsewhere. */
export function useRoute(): readonly [Route, Go] {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = () => setRoute(parseRoute(location.hash));
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  const go = useCallback<Go>((change, how = "push") => {
    const hash = formatRoute({ ...parseRoute(location.hash), ...change });
    if (hash === location.hash) return;
    if (how === "push") location.hash = hash;
    else history.replaceState(null, "", hash);
    setRoute(parseRoute(hash));
  }, []);
  return [route, go];
}
