import { connect } from "../api/client";
import type { Operate } from "../cli/operator-commands";
import { reportFailure } from "../cli/report-failure";
import type { Terminal } from "../cli/terminal";
import { onStopSignal } from "../platform/signals";
import { systemClock } from "../platform/system-clock";
import { AgentServiceDefinition } from "../wire/contract";

/** Through whichever director answers. Ctrl-C ends what waits; a second one ends the process. */
export const operate: Operate = async (env, action, { mode = "proxy" } = {}) => {
  const terminal = processTerminal(env["NO_COLOR"]);
  const interrupt = new AbortController();
  const stopListening = onStopSignal(() => interrupt.abort());
  try {
    const fabric = connect({ env, mode });
    try {
      const agents = fabric.client(AgentServiceDefinition);
      const { director: operator } = fabric;
      return await action({ operator, agents, fabric, terminal, clock: systemClock, interrupted: interrupt.signal });
    } finally {
      await fabric.close();
    }
  } catch (error) {
    return reportFailure(terminal, error);
  } finally {
    stopListening();
  }
};

function processTerminal(noColor: string | undefined): Terminal {
  const { stdout, stderr } = process;
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    coloured: stdout.isTTY && (noColor ?? "") === "",
    get columns() {
      return stdout.isTTY ? stdout.columns : undefined;
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
