import type { IncomingHttpHeaders } from "node:http";

/** Methods that change nothing, if they keep to RFC 9110 (9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Whether a page of another origin sends this request, and it may change something. Browsers say where a request comes from, and pages
 * cannot make them lie; programs that are no browsers say nothing, and pass.
 *
 * `Sec-Fetch-Site` is asked first, as in Go's net/http.CrossOriginProtection: it is right behind a proxy that changes the Host header too.
 * Pages of the same site on another port (`same-site`) are foreign: so are any two programs on localhost. Browsers leave it out where they
 * do not trust the connection (plain HTTP to another machine); then `Origin` must name the host that is asked.
 */
export function isForeignPage(method: string, headers: IncomingHttpHeaders): boolean {
  if (SAFE.has(method)) return false;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const { origin } = headers;
  return origin !== undefined && hostOfOrigin(origin) !== headers.host?.toLowerCase();
}

/** "null", and whatever is no origin, has none. */
function hostOfOrigin(origin: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
