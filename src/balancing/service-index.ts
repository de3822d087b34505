import type { Endpoint } from "./endpoint";

/** "package.Service" of "package.Service/Method"; a leading slash, as in an HTTP/2 path, is no part of it. */
export function serviceOf(method: string): string {
  const start = method.charCodeAt(0) === 47 ? 1 : 0;
  const slash = method.indexOf("/", start);
  return slash === -1 ? method.slice(start) : method.slice(start, slash);
}

/**
 * The endpoints of each service. Services with the same endpoints share one array, by identity: workers of a kind serve the
 * same list of services, and would otherwise be indexed and notified once for each.
 */
export function endpointsByService<E extends Endpoint>(endpoints: readonly E[]): Map<string, readonly E[]> {
  const lists = new Map<string, E[]>();
  for (const endpoint of endpoints) {
    for (const service of endpoint.services) {
      const list = lists.get(service);
      if (list) list.push(endpoint);
      else lists.set(service, [endpoint]);
    }
  }
  const distinct: E[][] = [];
  const shared = new Map<string, readonly E[]>();
  for (const [service, list] of lists) {
    // Few kinds of workers exist, so a list is compared with few; beyond 64 kinds sharing is not worth the comparing.
    let same = distinct.find((other) => other.length === list.length && other.every((each, at) => each === list[at]));
    if (same === undefined) {
      same = list;
      if (distinct.length < 64) distinct.push(list);
    }
    shared.set(service, same);
  }
  return shared;
}
