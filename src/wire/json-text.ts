import { messageOf } from "../core/errors";

/** What `JSON.parse` gives. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What a 64-bit field would be given wrongly if it were parsed as a number. */
const MAY_HAVE_LARGE_INTEGER = /\d{16}/;

/**
 * Parses JSON text more strictly than `JSON.parse` does, which takes the last of several equal keys and rounds integers beyond 2^53.
 * @param largeIntegers - "quote": they become strings, which protobuf JSON takes for a number of any kind. "refuse": they are an error,
 * for where a string would be taken as one (google.protobuf.Value)
 * @throws Error that says what is wrong, and where
 */
export function parseJsonText(text: string, largeIntegers: "quote" | "refuse"): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new Error(`it is no JSON: ${messageOf(error)}`, { cause: error });
  }
  checkKeys(text);
  if (!MAY_HAVE_LARGE_INTEGER.test(text)) return value;
  const exact = exactIntegers(text, largeIntegers);
  return exact === text ? value : (JSON.parse(exact) as JsonValue);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

/** As deep as a message may be nested (protobuf's own limit), which also is what the recursions after this can bear. */
const DEPTH_MAX = 100;

/** Keys of an object that are compared one by one. From then on they are kept in a set. */
const COMPARED_MAX = 8;

/** @param text - valid JSON */
function checkKeys(text: string): void {
  // Of each array or object that is open; undefined for an array.
  const open: (SeenKeys | undefined)[] = [];
  const enter = (inner: SeenKeys | undefined) => {
    if (open.length === DEPTH_MAX) throw new Error(`it is nested more than ${DEPTH_MAX} deep: send it flatter`);
    open.push(keys);
    keys = inner;
  };
  let keys: SeenKeys | undefined;
  let isKeyNext = false;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case QUOTE: {
        const end = endOfString(text, index);
        if (isKeyNext) {
          keys!.add(text, index, end);
          isKeyNext = false;
        }
        index = end;
        break;
      }
      case COMMA:
        isKeyNext = keys !== undefined;
        break;
      case BRACE_OPEN:
        enter(new SeenKeys());
        isKeyNext = true;
        break;
      case BRACKET_OPEN:
        enter(undefined);
        isKeyNext = false;
        break;
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        keys = open.pop();
        isKeyNext = false;
        break;
    }
  }
}

/** @returns the index of the closing quote */
function endOfString(text: string, start: number): number {
  for (let from = start + 1; ;) {
    const end = text.indexOf('"', from);
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end;
    from = end + 1;
  }
}

class SeenKeys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  add(text: string, start: number, end: number): void {
    const raw = text.slice(start + 1, end);
    const key = raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
    if (this.#many?.has(key) ?? this.#few.includes(key)) {
      throw new Error(
        `the key ${JSON.stringify(key.slice(0, 120))} comes twice in one object, at position ${start}: keep one`,
      );
    }
    if (this.#many !== undefined) {
      this.#many.add(key);
    } else {
      this.#few.push(key);
      if (this.#few.length > COMPARED_MAX) this.#many = new Set(this.#few);
    }
  }
}

/** A string, or a number: whichever comes first, so that digits within strings are left alone. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function exactIntegers(text: string, largeIntegers: "quote" | "refuse"): string {
  return text.replace(STRING_OR_NUMBER, (token) => {
    if (!/^-?\d{16,}$/.test(token) || BigInt(token) === BigInt(Number(token))) return token;
    if (largeIntegers === "quote") return `"${token}"`;
    throw new Error(
      `the number ${token.slice(0, 40)} cannot be had exactly: write it as a string for a 64-bit field, as ${Number(token).toExponential()} for a double`,
    );
  });
}
