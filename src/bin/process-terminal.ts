import type { Terminal } from "../cli/terminal";

/** The terminal, file or pipe that this process writes to. */
export function processTerminal(noColor = process.env["NO_COLOR"]): Terminal {
  const { stdout, stderr } = process;
  return {
    out: (line) => void stdout.write(`${line}\n`),
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
