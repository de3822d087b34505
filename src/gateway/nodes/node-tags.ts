/** The APIs of other systems that a node can be registered by. */
export type SeedApi = "piccolo" | "proxy-stone" | "go-wrapper";

/** What nodes have beside their labels is kept in tags of this prefix. */
const OWN_PREFIX = "rest.";
/** By which API a node was registered. */
export const API_TAG = `${OWN_PREFIX}api`;
/** The URL that it gave. */
export const URL_TAG = `${OWN_PREFIX}url`;
/** A service whose name is no name of gRPC: `service.database`. */
export const SERVICE_TAG = "service.";

/** The tags that are a node's own words. */
export function labelsOf(tags: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const labels = [...tags].filter(([key]) => !key.startsWith(OWN_PREFIX));
  return Object.fromEntries(labels);
}

/** Names of services that are tags. */
export function servicesOf(tags: ReadonlyMap<string, string>): readonly string[] {
  return [...tags.keys()].filter((key) => key.startsWith(SERVICE_TAG)).map((key) => key.slice(SERVICE_TAG.length));
}

/** What a label must not be called; "" when all may. */
export function reservedLabel(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels).find((key) => key.startsWith(OWN_PREFIX)) ?? "";
}
