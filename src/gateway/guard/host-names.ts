import { isIP } from "node:net";

/** Allows every name: for ports that only a proxy reaches, which looks at names itself. */
const ANY = "*";

/**
 * The names under which a port may be asked for. A page of another site can have its own name resolve to our address (DNS rebinding) and
 * would then be of the same origin as we are, in the browser's eyes: the Host header still has the foreign name. Addresses cannot be
 * rebound, so all are allowed.
 */
export class HostNames {
  readonly #names: ReadonlySet<string>;
  /** Each with its leading dot. */
  readonly #suffixes: readonly string[];
  readonly #any: boolean;
  /** The last one that was allowed: nearly always that of the next request. */
  #last: string | undefined;

  /** @param names - host names, `*.example.org` for all names below one, or `*` for every name; letter case does not matter */
  constructor(names: Iterable<string>) {
    const given = [...names].map(plain).filter((name) => name !== "");
    this.#names = new Set(["localhost", ...given]);
    this.#suffixes = given.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
    this.#any = given.includes(ANY);
  }

  /** @param host - the header, with or without a port; a request without one comes from no browser */
  allows(host: string | undefined): boolean {
    if (host === undefined || host === this.#last || this.#any) return true;
    if (!this.#isAllowed(hostOf(host))) return false;
    this.#last = host;
    return true;
  }

  #isAllowed(name: string): boolean {
    return isIP(name) !== 0 || this.#names.has(name) || this.#suffixes.some((suffix) => isBelow(name, suffix));
  }
}

function isBelow(name: string, suffix: string): boolean {
  return name.length > suffix.length && name.endsWith(suffix);
}

/** Of "host:port", "host" or "[v6]:port", without brackets. */
function hostOf(header: string): string {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(header);
  return plain(match?.[1] ?? match?.[2] ?? "");
}

/** A dot at the end says that a name is whole, and changes nothing else. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
