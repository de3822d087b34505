/** Whole characters as people see them, so that none is cut in two. */
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

const PLAIN = /^[\x20-\x7e]*$/;
/** Control characters, line ends among them, and those that turn the direction of writing. */
// eslint-disable-next-line no-control-regex -- these are what must not reach the terminal
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
/** Takes no room by itself: marks, joiners, variation selectors. */
const NO_WIDTH = /^(?:\p{M}|[\u200b-\u200d\u2060]|[\ufe00-\ufe0f])+$/u;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f|\p{Regional_Indicator}/u;

/** Of East Asian Width W or F (Unicode Annex 11), from and to. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x20000, 0x3fffd],
];

/**
 * Text of someone else as it may be written to a terminal: what would move the cursor, change colours, end the line or turn the direction of
 * writing is shown as its code ("\u{1b}").
 */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** As `printable`, of a text of several lines, which it stays. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** How many columns of a terminal the text takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment);
  return width;
}

function widthOf(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0)!;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** With spaces after it, or before it, until it takes `width` columns. */
export function padTo(text: string, width: number, side: "left" | "right" = "left"): string {
  const spaces = " ".repeat(Math.max(0, width - displayWidth(text)));
  return side === "left" ? text + spaces : spaces + text;
}

/** The text, cut with "…" where it takes more than `width` columns. */
export function cutTo(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let cut = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const next = used + widthOf(segment);
    if (next > width - 1) break;
    cut += segment;
    used = next;
  }
  return `${cut}…`;
}
