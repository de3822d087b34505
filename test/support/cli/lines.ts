import type { Terminal } from "../../../src/cli/terminal";

/** What a command wrote: standard error marked by "! ". */
export class Lines implements Terminal {
  readonly lines: string[] = [];
  readonly coloured: boolean;
  readonly columns: number | undefined;
  readonly ask: Terminal["ask"];

  constructor({ coloured = false, columns, answer }: { coloured?: boolean; columns?: number; answer?: string } = {}) {
    this.coloured = coloured;
    this.columns = columns;
    this.ask =
      answer === undefined
        ? undefined
        : (question) => {
            this.err(question);
            return Promise.resolve(answer);
          };
  }

  out(line: string): void {
    this.lines.push(...line.split("\n"));
  }

  err(line: string): void {
    this.lines.push(...line.split("\n").map((each) => `! ${each}`));
  }

  /** Of standard output alone. */
  get printed(): string {
    return this.lines.filter((line) => !line.startsWith("! ")).join("\n");
  }
}
