import { cutTo, displayWidth, padTo } from "./printable";

/** How a piece of text looks on a terminal that shows colours. Whatever matters is also said by the text itself. */
export type Style = "plain" | "dim" | "bold" | "red" | "green" | "yellow" | "cyan" | "magenta" | "reverse" | "alarm";

/** A piece of a line. Texts from outside went through `printable`. */
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

/** Exactly this wide, which is at least 1. */
export function fitText(text: string, width: number, align: "left" | "right" = "left"): string {
  return padTo(cutTo(text, width), width, align);
}

/** A line of at most this width. */
export function clipLine(line: StyledLine, width: number): StyledLine {
  const clipped: Span[] = [];
  let leftWidth = width;
  for (const { text, style } of line) {
    if (leftWidth <= 0) break;
    const fits = cutTo(text, leftWidth);
    if (fits !== "") clipped.push(span(fits, style));
    leftWidth -= displayWidth(fits);
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
