/** How a piece of text looks on a terminal that shows colours. Whatever matters is also said by the text itself. */
export type Style = "plain" | "dim" | "bold" | "red" | "green" | "yellow" | "cyan" | "magenta" | "reverse" | "alarm";

/** A piece of a line. Without control characters: `printable` takes them out of texts from outside. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** One line of a screen. */
export type StyledLine = readonly Span[];

const SGR: Readonly<Record<Style, string>> = {
  plain: "",
  dim: "2",
  bold: "1",
  red: "31",
  green: "32",
  yellow: "33",
  cyan: "36",
  magenta: "35",
  reverse: "7",
  alarm: "1;7;31",
};

export const span = (text: string, style: Style = "plain"): Span => ({ text, style });

/** A text of others in one line that neither steers the terminal nor turns its direction. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "·");
}

/** Two columns each: East Asian wide characters and emoji (Unicode TR11, the blocks that matter). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;
const ASCII = /^[\x20-\x7e]*$/;

function charWidth(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns that a text takes. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += charWidth(character);
  return width;
}

/** At most this wide; "…" stands for what was cut off. */
export function clipText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return "";
  let [clipped, taken] = ["", 0];
  for (const character of text) {
    taken += charWidth(character);
    if (taken > width - 1) break;
    clipped += character;
  }
  return `${clipped}…`;
}

/** Exactly this wide. */
export function fitText(text: string, width: number, align: "left" | "right" = "left"): string {
  const clipped = clipText(text, width);
  const padding = " ".repeat(Math.max(0, width - textWidth(clipped)));
  return align === "left" ? clipped + padding : padding + clipped;
}

/** A line of at most this width. */
export function clipLine(line: StyledLine, width: number): StyledLine {
  const clipped: Span[] = [];
  let leftWidth = width;
  for (const { text, style } of line) {
    const fits = clipText(text, leftWidth);
    if (fits !== "") clipped.push(span(fits, style));
    leftWidth -= textWidth(fits);
    if (fits !== text) break;
  }
  return clipped;
}

/** The bytes of a line, without those that would end it. */
export function ansiLine(line: StyledLine, coloured: boolean): string {
  return line
    .map(({ text, style }) => (coloured && SGR[style] !== "" ? `\u001b[${SGR[style]}m${text}\u001b[0m` : text))
    .join("");
}

export function plainLine(line: StyledLine): string {
  return line
    .map(({ text }) => text)
    .join("")
    .trimEnd();
}
