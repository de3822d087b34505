import type { Screen } from "./screen";

/** What the commands that call, measure and watch need of the process, beside a terminal and a director. */
export interface CallTools {
  /** Undefined where standard input or output is no terminal. */
  openScreen(coloured: boolean): Screen | undefined;
  /** What comes in until its end, in pieces. */
  standardInput(): AsyncIterable<string>;
  /** Whether nobody but a person could give input. */
  readonly inputIsTerminal: boolean;
  readonly outputIsTerminal: boolean;
  readText(path: string): Promise<string>;
}
