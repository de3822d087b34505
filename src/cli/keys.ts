/** A key by name ("up", "enter", "ctrl-c"), or the character that it types. */
export type Key = string;

const SEQUENCES: readonly (readonly [sequence: string, key: Key])[] = [
  ["\u001b[A", "up"],
  ["\u001b[B", "down"],
  ["\u001b[C", "right"],
  ["\u001b[D", "left"],
  ["\u001bOA", "up"],
  ["\u001bOB", "down"],
  ["\u001bOC", "right"],
  ["\u001bOD", "left"],
  ["\u001b[5~", "page-up"],
  ["\u001b[6~", "page-down"],
  ["\u001b[H", "home"],
  ["\u001b[F", "end"],
  ["\u001bOH", "home"],
  ["\u001bOF", "end"],
  ["\u001b[1~", "home"],
  ["\u001b[4~", "end"],
];

const SINGLE: Readonly<Record<string, Key>> = {
  "\r": "enter",
  "\n": "enter",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u0003": "ctrl-c",
  "\u001b": "escape",
  "\t": "tab",
};

/** Of a terminal's other sequences, which are let by (ECMA-48 §5.4, and "ESC O x" of function keys). */
// eslint-disable-next-line no-control-regex -- terminals send control characters
const OTHER_SEQUENCE = /^\u001b(?:\[[0-?]*[ -/]*[@-~]|O.)/u;

/**
 * The keys that a read of a terminal in raw mode stands for. An escape key is known by nothing following it in the same read, which holds
 * as long as terminals write a sequence at once.
 */
export function keysOf(input: string): Key[] {
  const keys: Key[] = [];
  for (let rest = input; rest !== "";) {
    const known = SEQUENCES.find(([sequence]) => rest.startsWith(sequence));
    const other = known ? undefined : OTHER_SEQUENCE.exec(rest)?.[0];
    if (known) {
      keys.push(known[1]);
      rest = rest.slice(known[0].length);
    } else if (other !== undefined) {
      rest = rest.slice(other.length);
    } else {
      const [character] = rest;
      const key = SINGLE[character!] ?? (/\p{Cc}/u.test(character!) ? undefined : character);
      if (key !== undefined) keys.push(key);
      rest = rest.slice(character!.length);
    }
  }
  return keys;
}
