import { FabricError } from "../core/errors";
import type { Tags } from "../core/member";

/** Bounds what a caller can make us parse and match: longest selector in characters, and terms or values in it. */
export const SELECTOR_LENGTH_MAX = 1_024;
export const SELECTOR_PARTS_MAX = 64;

type Term =
  | { readonly kind: "in"; readonly tag: string; readonly values: readonly string[] }
  | { readonly kind: "not-in"; readonly tag: string; readonly values: readonly string[] }
  | { readonly kind: "exists"; readonly tag: string }
  | { readonly kind: "absent"; readonly tag: string };

/** Which workers a call may go to, by their tags. */
export interface Selector {
  readonly text: string;
  matches(tags: Tags): boolean;
}

/**
 * Reads a selector in the grammar of Kubernetes label selectors, terms joined by "and":
 * `gpu=true,zone=a` · `zone!=b` · `role in (compute, gpu)` · `role notin (edge)` · `gpu` (has the tag) · `!gpu`.
 * As there, `!=` and `notin` also match a worker without the tag. An empty selector matches all.
 * @throws FabricError INVALID_ARGUMENT that says what was expected and where
 */
export function parseSelector(text: string): Selector {
  if (text.length > SELECTOR_LENGTH_MAX) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `selector is ${text.length} characters long: at most ${SELECTOR_LENGTH_MAX} are allowed`,
    );
  }
  const terms = new SelectorParser(text).terms();
  return { text, matches: (tags) => terms.every((term) => termMatches(term, tags)) };
}

function termMatches(term: Term, tags: Tags): boolean {
  const value = Object.hasOwn(tags, term.tag) ? tags[term.tag] : undefined;
  switch (term.kind) {
    case "in":
      return value !== undefined && term.values.includes(value);
    case "not-in":
      return value === undefined || !term.values.includes(value);
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}

const SPACE = /\s*/y;
const WORD = /[A-Za-z0-9_.:/@+-]*/y;

class SelectorParser {
  readonly #text: string;
  #at = 0;
  #parts = 0;

  constructor(text: string) {
    this.#text = text;
  }

  terms(): Term[] {
    const terms: Term[] = [];
    this.#take(SPACE);
    if (this.#atEnd()) return terms;
    do terms.push(this.#term());
    while (this.#skip(","));
    if (!this.#atEnd()) this.#fail('"," or the end');
    return terms;
  }

  #term(): Term {
    if (this.#skip("!")) return { kind: "absent", tag: this.#tag() };
    const tag = this.#tag();
    if (this.#skip("!=")) return { kind: "not-in", tag, values: [this.#value()] };
    if (this.#skip("==") || this.#skip("=")) return { kind: "in", tag, values: [this.#value()] };
    if (this.#atEnd() || this.#text[this.#at] === ",") return { kind: "exists", tag };
    const wordAt = this.#at;
    const word = this.#word();
    if (word === "in") return { kind: "in", tag, values: this.#values() };
    if (word === "notin") return { kind: "not-in", tag, values: this.#values() };
    this.#at = wordAt;
    return this.#fail('"=", "!=", "in", "notin", "," or the end');
  }

  #tag(): string {
    const tag = this.#word();
    if (tag === "") this.#fail("a tag name");
    this.#count();
    return tag;
  }

  #value(): string {
    this.#count();
    return this.#word();
  }

  #values(): string[] {
    if (!this.#skip("(")) this.#fail('"("');
    const values: string[] = [];
    do {
      const value = this.#value();
      if (value === "") this.#fail("a value");
      values.push(value);
    } while (this.#skip(","));
    if (!this.#skip(")")) this.#fail('"," or ")"');
    return values;
  }

  #word(): string {
    const word = this.#take(WORD);
    this.#take(SPACE);
    return word;
  }

  #skip(symbol: string): boolean {
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    this.#take(SPACE);
    return true;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const taken = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += taken.length;
    return taken;
  }

  #atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  #count(): void {
    this.#parts += 1;
    if (this.#parts > SELECTOR_PARTS_MAX) this.#fail(`at most ${SELECTOR_PARTS_MAX} names and values`);
  }

  #fail(expected: string): never {
    const found = this.#atEnd() ? "the end" : `"${this.#text[this.#at]}"`;
    throw new FabricError(
      "INVALID_ARGUMENT",
      `selector "${this.#text}": expected ${expected} at position ${this.#at + 1}, found ${found}`,
    );
  }
}
