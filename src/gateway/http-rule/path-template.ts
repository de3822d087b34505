/** A piece of a path: a literal, `*` for any one that is not empty, `**` for all that follow, also none. */
export type TemplateSegment =
  { readonly kind: "literal"; readonly text: string } | { readonly kind: "any" } | { readonly kind: "rest" };

/** A field of the request, and the segments that are its value: `from` inclusive, `to` exclusive. */
export interface TemplateVariable {
  /** Such as ["book", "name"]. */
  readonly fieldPath: readonly string[];
  readonly from: number;
  /** Infinity where it ends with the path. */
  readonly to: number;
}

export interface PathTemplate {
  readonly segments: readonly TemplateSegment[];
  readonly variables: readonly TemplateVariable[];
  /** What follows a colon at the end; "" for nothing. */
  readonly verb: string;
}

const LITERAL = /^[A-Za-z0-9\-._~!$&'()+,;=@%]+/;
const FIELD_PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/;

/**
 * Parses a path of google.api.HttpRule, by the grammar in google/api/http.proto ("Path template syntax").
 * @throws Error that says what is wrong, and at which character
 */
export function parsePathTemplate(text: string): PathTemplate {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #segments: TemplateSegment[] = [];
  readonly #variables: TemplateVariable[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PathTemplate {
    this.#expect("/");
    this.#parseSegments(true);
    const verb = this.#take(":") ? this.#match(LITERAL, "a verb") : "";
    if (this.#at < this.#text.length) throw this.#fault("nothing more");
    const rest = this.#segments.findIndex(({ kind }) => kind === "rest");
    if (rest !== -1 && rest !== this.#segments.length - 1)
      throw new Error(`"**" is not the last segment of ${this.#text}`);
    return { segments: this.#segments, variables: this.#variables, verb };
  }

  #parseSegments(mayNest: boolean): void {
    do {
      if (mayNest && this.#take("{")) this.#parseVariable();
      else this.#segments.push(this.#parseSegment());
    } while (this.#take("/"));
  }

  #parseSegment(): TemplateSegment {
    if (this.#take("**")) return { kind: "rest" };
    if (this.#take("*")) return { kind: "any" };
    return { kind: "literal", text: this.#match(LITERAL, "a segment") };
  }

  #parseVariable(): void {
    const from = this.#segments.length;
    const fieldPath = this.#match(FIELD_PATH, "the path of a field").split(".");
    if (this.#variables.some((each) => each.fieldPath.join(".") === fieldPath.join("."))) {
      throw new Error(`the field ${fieldPath.join(".")} comes twice in ${this.#text}`);
    }
    if (this.#take("=")) this.#parseSegments(false);
    else this.#segments.push({ kind: "any" });
    this.#expect("}");
    const isRest = this.#segments.at(-1)!.kind === "rest";
    this.#variables.push({ fieldPath, from, to: isRest ? Infinity : this.#segments.length });
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw this.#fault(`"${token}"`);
  }

  #match(pattern: RegExp, what: string): string {
    const found = pattern.exec(this.#text.slice(this.#at))?.[0];
    if (found === undefined) throw this.#fault(what);
    this.#at += found.length;
    return found;
  }

  #fault(wanted: string): Error {
    return new Error(`${JSON.stringify(this.#text)} has, at character ${this.#at}, something else than ${wanted}`);
  }
}

/**
 * The value of a variable, of the segments as they are in the URL. One segment is decoded whole; of several, "%2F" stays what it is, since a
 * slash would be another segment (google/api/http.proto).
 * @throws URIError for what is no percent-encoding of UTF-8
 */
export function variableValue({ from, to }: TemplateVariable, segments: readonly string[]): string {
  const own = segments.slice(from, to);
  if (to === from + 1) return decodeURIComponent(own[0]!);
  return own.map((segment) => segment.split(/(%2f)/i).map((part, index) => (index % 2 === 1 ? part : decodeURIComponent(part))).join("")).join("/"); // prettier-ignore
}
