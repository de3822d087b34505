import type { PathTemplate } from "./path-template";

/** What a path leads to. */
export type Found<R> =
  | { readonly kind: "route"; readonly route: R; readonly segments: readonly string[] }
  /** The path has routes, and none for that HTTP method. */
  | { readonly kind: "other methods"; readonly allow: readonly string[] };

interface Node<R> {
  readonly literals: Map<string, Node<R>>;
  any: Node<R> | undefined;
  rest: Node<R> | undefined;
  /** By verb, then by HTTP method; "*" stands for every one. */
  readonly routes: Map<string, Map<string, R>>;
}

const EVERY_METHOD = "*";

/**
 * Routes by the segments of their paths. A literal goes before `*`, that before `**`, and a path's verb before none; the search goes back where
 * one leads nowhere. Each node is looked at once at most for a path, so its cost is bounded by what is in here.
 */
export class RouteTrie<R> {
  readonly #root: Node<R> = node();

  /** @returns the route that is there already, of the same method and shape; then nothing is added */
  add(method: string, template: PathTemplate, route: R): R | undefined {
    let at = this.#root;
    for (const segment of template.segments) {
      if (segment.kind === "rest") at = at.rest ??= node();
      else if (segment.kind === "any") at = at.any ??= node();
      else at = literal(at, segment.text);
    }
    const methods = at.routes.get(template.verb) ?? new Map<string, R>();
    at.routes.set(template.verb, methods);
    const before = methods.get(method);
    if (before === undefined) methods.set(method, route);
    return before;
  }

  /**
   * @param path - as it is in the URL, without the query
   */
  find(method: string, path: string): Found<R> | undefined {
    const allow = new Set<string>();
    for (const { segments, verb } of readings(path)) {
      const route = search(this.#root, { segments, verb, method, allow }, 0);
      if (route !== undefined) return { kind: "route", route, segments };
    }
    return allow.size === 0 ? undefined : { kind: "other methods", allow: [...allow].sort() };
  }
}

function node<R>(): Node<R> {
  return { literals: new Map(), any: undefined, rest: undefined, routes: new Map() };
}

function literal<R>(at: Node<R>, text: string): Node<R> {
  const key = decoded(text);
  const known = at.literals.get(key);
  if (known !== undefined) return known;
  const made = node<R>();
  at.literals.set(key, made);
  return made;
}

/** A colon in the last segment begins a verb, or is part of the segment. */
function readings(path: string): readonly { readonly segments: readonly string[]; readonly verb: string }[] {
  const segments = path.slice(1).split("/");
  const whole = { segments, verb: "" };
  const last = segments.at(-1)!;
  const colon = last.lastIndexOf(":");
  if (colon === -1) return [whole];
  const withoutVerb = [...segments.slice(0, -1), last.slice(0, colon)];
  return [{ segments: withoutVerb, verb: last.slice(colon + 1) }, whole];
}

interface Search {
  readonly segments: readonly string[];
  readonly verb: string;
  readonly method: string;
  /** Methods of routes that the path has. */
  readonly allow: Set<string>;
}

function search<R>(at: Node<R>, wanted: Search, depth: number): R | undefined {
  const segment = wanted.segments[depth];
  if (segment === undefined) return routeAt(at, wanted) ?? (at.rest && routeAt(at.rest, wanted));
  const next = at.literals.get(decoded(segment));
  const found = next && search(next, wanted, depth + 1);
  if (found !== undefined) return found;
  const any = segment === "" || at.any === undefined ? undefined : search(at.any, wanted, depth + 1);
  return any ?? (at.rest && routeAt(at.rest, wanted));
}

function routeAt<R>({ routes }: Node<R>, { verb, method, allow }: Search): R | undefined {
  const methods = routes.get(verb);
  if (methods === undefined) return undefined;
  const route = methods.get(method) ?? methods.get(EVERY_METHOD);
  if (route === undefined) for (const other of methods.keys()) allow.add(other);
  return route;
}

/** What is no percent-encoding stands for itself: no literal is like that. */
function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
