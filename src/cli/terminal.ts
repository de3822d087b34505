/** Where a command writes. Results go to standard output, everything else beside them. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** Whether `out` leads to a terminal that shows colours (NO_COLOR: no-color.org). */
  readonly coloured: boolean;
  /** Width of the terminal that `out` leads to; undefined where there is none, and lines are as long as they are. */
  readonly columns?: number | undefined;
  /** Asks whoever sits there, and gives what they typed; undefined where nobody does. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

/** Exit codes of commands that ask something of the cluster. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, denied: 4, timeout: 5, interrupted: 130 } as const;

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;

export type Colour = keyof typeof COLOURS;

export function paint(terminal: Terminal, colour: Colour, text: string): string {
  return terminal.coloured ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** What a command cannot do, with its exit code and the next command to try. The message may have text of others: it is made printable. */
export class CommandError extends Error {
  readonly exitCode: number;
  readonly next: string;

  constructor(exitCode: number, message: string, next: string) {
    super(message);
    this.exitCode = exitCode;
    this.next = next;
  }
}
