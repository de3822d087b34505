import fc from "fast-check";
import { parsePathTemplate, variableValue } from "../../../../src/gateway/http-rule/path-template";
import { RouteTrie } from "../../../../src/gateway/http-rule/route-trie";

/** What a template makes of a path: the values of its variables; undefined where it does not fit. */
function match(template: string, path: string): Record<string, string> | undefined {
  const trie = new RouteTrie<string>();
  const parsed = parsePathTemplate(template);
  trie.add("GET", parsed, template);
  const found = trie.find("GET", path);
  if (found?.kind !== "route") return undefined;
  const values = parsed.variables.map((each) => [each.fieldPath.join("."), variableValue(each, found.segments)]);
  return Object.fromEntries(values) as Record<string, string>;
}

describe("A path template of google.api.http", () => {
  it.each([
    ["/v1/shelves", "/v1/shelves", {}],
    ["/v1/{name}", "/v1/a", { name: "a" }],
    ["/v1/{name=shelves/*}", "/v1/shelves/7", { name: "shelves/7" }],
    ["/v1/{name=shelves/*}/books/{book.id}", "/v1/shelves/7/books/x", { name: "shelves/7", "book.id": "x" }],
    ["/v1/{name=files/**}", "/v1/files/a/b/c", { name: "files/a/b/c" }],
    ["/v1/{name=files/**}", "/v1/files", { name: "files" }],
    ["/v1/{name=**}", "/v1", { name: "" }],
    ["/v1/{name=shelves/*}:move", "/v1/shelves/7:move", { name: "shelves/7" }],
    ["/v1/{name=files/**}:copy", "/v1/files/a/b:copy", { name: "files/a/b" }],
    ["/v1/{name}", "/v1/a:b", { name: "a:b" }],
    ["/v1/*/x/{name}", "/v1/whatever/x/a", { name: "a" }],
  ])("%s takes %s", (template, path, values) => {
    expect(match(template, path)).toEqual(values);
  });

  it.each([
    ["/v1/shelves", "/v1/shelves/"],
    ["/v1/shelves", "/v1"],
    ["/v1/{name}", "/v1/"],
    ["/v1/{name}", "/v1/a/b"],
    ["/v1/{name=shelves/*}", "/v1/books/7"],
    ["/v1/{name=shelves/*}:move", "/v1/shelves/7"],
    ["/v1/{name=shelves/*}:move", "/v1/shelves/7:copy"],
    ["/v1/shelves", "/v1/shelves:move"],
  ])("%s does not take %s", (template, path) => {
    expect(match(template, path)).toBeUndefined();
  });

  it("decodes a variable of one segment whole, and leaves slashes of several encoded", () => {
    expect(match("/v1/{name}", "/v1/a%2Fb%20%C3%A9%25")).toEqual({ name: "a/b é%" });
    expect(match("/v1/{name=a/*}", "/v1/a/b%2Fc%2fd%20e")).toEqual({ name: "a/b%2Fc%2fd e" });
    expect(match("/v1/shelves/{name}", "/v1/sh%65lves/a")).toEqual({ name: "a" });
    expect(() => match("/v1/{name}", "/v1/%zz")).toThrow(URIError);
  });

  it.each(["", "v1", "/", "/v1/", "/v1/{}", "/v1/{name", "/v1/{name=}", "/v1/{a={b}}", "/v1/**/x", "/v1/{n=**}/x", "/v1//x", "/v1/{a}/{a}", "/v1/x y", "/v1/x:", "/v1/x:y:z", "/v1/{9}", "/v1?x"])("%s is none", (text) => {
    expect(() => parsePathTemplate(text)).toThrow(Error);
  }); // prettier-ignore
});

describe("Routes", () => {
  const WORDS = ["a", "b", "c"] as const;
  const segment = fc.constantFrom<string>(...WORDS, "*", "{x}");
  const templates = fc
    .tuple(
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.constantFrom("", "/**"),
      fc.constantFrom("", ":v", ":w"),
    )
    .map(([segments, rest, verb]) => {
      const named = segments.map((each, index) => each.replace("x", `x${index}`));
      return `/${named.join("/")}${rest}${verb}`;
    });
  const paths = fc
    .tuple(
      fc.array(fc.constantFrom<string>(...WORDS, "d"), { minLength: 1, maxLength: 5 }),
      fc.constantFrom("", ":v", ":w"),
    )
    .map(([segments, verb]) => `/${segments.join("/")}${verb}`);

  /** The same by a regular expression: slow, and plain. */
  function fits(template: string, path: string): boolean {
    const [, body, verb = ""] = /^(.*?)(:\w)?$/.exec(template)!;
    const pattern = body!.replace("/**", "(?:/.*)?").replace(/\{\w+\}|(?<![.(?/])\*(?![*)?])|(?<=\/)\*/g, "[^/]+");
    return new RegExp(`^${pattern}${verb}$`).test(path);
  }

  it("find a path exactly where one of their templates takes it", () => {
    fc.assert(
      fc.property(fc.uniqueArray(templates, { maxLength: 12 }), paths, (all, path) => {
        const trie = new RouteTrie<string>();
        for (const template of all) trie.add("GET", parsePathTemplate(template), template);
        const found = trie.find("GET", path);
        const fitting = all.filter((template) => fits(template, path));
        expect(found === undefined).toBe(fitting.length === 0);
        expect(found?.kind !== "route" || fitting.includes(found.route)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("prefer literals to *, that to **, and a verb to none", () => {
    const trie = new RouteTrie<string>();
    const all = ["/v/**", "/v/*", "/v/a", "/v/*:go", "/v/a/*", "/v/*/b"];
    for (const template of all) trie.add("GET", parsePathTemplate(template), template);
    const route = (path: string) => {
      const found = trie.find("GET", path);
      return found?.kind === "route" ? found.route : undefined;
    };
    expect(["/v/a", "/v/x", "/v/x/y", "/v/x:go", "/v/a:go", "/v/a/b", "/v/x/b", "/v"].map(route)).toEqual(["/v/a", "/v/*", "/v/**", "/v/*:go", "/v/*:go", "/v/a/*", "/v/*/b", "/v/**"]); // prettier-ignore
  });

  it("say which methods a path has, and keep the first of two that are the same", () => {
    const trie = new RouteTrie<string>();
    expect(trie.add("GET", parsePathTemplate("/v/{a}"), "first")).toBeUndefined();
    expect(trie.add("GET", parsePathTemplate("/v/{b}"), "second")).toBe("first");
    trie.add("PUT", parsePathTemplate("/v/{a}"), "put");
    expect(trie.find("GET", "/v/x")).toMatchObject({ route: "first" });
    expect(trie.find("POST", "/v/x")).toEqual({ kind: "other methods", allow: ["GET", "PUT"] });
    expect(trie.find("POST", "/w")).toBeUndefined();
  });

  it("look at each node once at most, however a path is made", () => {
    const trie = new RouteTrie<string>();
    // Every prefix has both a literal and a *: a search that forgot where it was would double with each segment.
    for (let depth = 1; depth <= 24; depth += 1) {
      trie.add("GET", parsePathTemplate(`/${"a/".repeat(depth)}x`), "a");
      trie.add("GET", parsePathTemplate(`/${"*/".repeat(depth)}x`), "*");
    }
    expect(trie.find("GET", `/${"a/".repeat(24)}y`)).toBeUndefined();
  });
});
