import type { Terminal } from "../cli/terminal";

/** As of a program that ends by SIGPIPE: 128 + 13. */
const EXIT_NO_READER = 141;

/** The terminal, file or pipe that this process writes to. */
export function processTerminal(noColor = process.env["NO_COLOR"]): Terminal {
  const { stdout, stderr } = process;
  return {
    out: (line) => {
      // `heddle … | head`: who reads has enough. Without it Node would end with a stack. Not before there is a result: logs have their own way.
      if (stdout.listenerCount("error") === 0) stdout.once("error", () => process.exit(EXIT_NO_READER));
      stdout.write(`${line}\n`);
    },
    err: (line) => void stderr.write(`${line}\n`),
    coloured: stdout.isTTY && (noColor ?? "") === "",
    get columns() {
      // 0 of one that does not say.
      return (stdout.isTTY && stdout.columns) || undefined;
    },
    ask: process.stdin.isTTY ? askPerson : undefined,
  };
}

/** The line that a person types, without its end; "" when the input ends. */
async function askPerson(question: string): Promise<string> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  try {
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}
