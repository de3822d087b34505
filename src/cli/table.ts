import { cutTo, displayWidth, padTo, printable } from "./printable";
import { paint, type Colour, type Terminal } from "./terminal";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  cell(row: Row): string;
  /** Numbers stand at the right. */
  readonly side?: "left" | "right";
  /** Of the columns that a narrow terminal has no room for, that with the highest number is left out first. Default: none of them. */
  readonly expendable?: number;
}

const GAP = "  ";
/** The last column is cut down to this before another one is left out. */
const LAST_MIN = 12;

/**
 * Writes a table: a head and a line for each row. On a terminal it is as wide as that at most: columns are left out, the most expendable first,
 * and the last is cut. Elsewhere it is whole.
 */
export function printTable<Row>(
  terminal: Terminal,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  colourOf: (row: Row) => Colour | undefined = () => undefined,
): void {
  const cells = columns.map((column) => ({
    column,
    texts: [column.title, ...rows.map((row) => printable(column.cell(row)))],
  }));
  const sized = cells.map((each) => ({ ...each, width: Math.max(...each.texts.map(displayWidth)) }));
  const shown = fitting(sized, terminal.columns);
  const room = roomOfLast(shown, terminal.columns);
  const line = (index: number) =>
    shown
      .map(({ column, texts, width }, at) => {
        const text = texts[index]!;
        return at === shown.length - 1 && column.side !== "right" ? cutTo(text, room) : padTo(text, width, column.side);
      })
      .join(GAP)
      .trimEnd();
  terminal.out(paint(terminal, "dim", line(0)));
  rows.forEach((row, index) => {
    const colour = colourOf(row);
    terminal.out(colour ? paint(terminal, colour, line(index + 1)) : line(index + 1));
  });
}

interface Sized {
  readonly column: { readonly expendable?: number };
  readonly width: number;
}

function fitting<S extends Sized>(all: readonly S[], available: number | undefined): S[] {
  const shown = [...all];
  while (available !== undefined && leastWidth(shown) > available) {
    const most = Math.max(...shown.map(({ column }) => column.expendable ?? 0));
    if (most === 0) break;
    shown.splice(
      shown.findIndex(({ column }) => column.expendable === most),
      1,
    );
  }
  return shown;
}

function leastWidth(shown: readonly Sized[]): number {
  const last = Math.min(shown.at(-1)?.width ?? 0, LAST_MIN);
  return beforeLast(shown) + last;
}

function beforeLast(shown: readonly Sized[]): number {
  return shown.slice(0, -1).reduce((sum, { width }) => sum + width + GAP.length, 0);
}

function roomOfLast(shown: readonly Sized[], available: number | undefined): number {
  return available === undefined ? Infinity : Math.max(LAST_MIN, available - beforeLast(shown));
}

/** Lines of a name and what there is to say of it, the names aligned. */
export function printFacts(terminal: Terminal, facts: readonly (readonly [name: string, text: string])[]): void {
  const width = Math.max(...facts.map(([name]) => displayWidth(name)));
  for (const [name, text] of facts) {
    terminal.out(`${paint(terminal, "dim", padTo(name, width))}${GAP}${text}`.trimEnd());
  }
}
