import { connect } from "../api/client";
import type { Operate } from "../cli/nodes-commands";
import { reportFailure } from "../cli/nodes";
import { EXIT, type Terminal } from "../cli/terminal";
import { ConfigError } from "../config/config-error";
import { onStopSignal } from "../platform/signals";
import { systemClock } from "../platform/system-clock";

/** Through whichever director answers. Ctrl-C ends what waits; a second one ends the process. */
export const operate: Operate = async (env, action) => {
  const terminal = processTerminal(env["NO_COLOR"]);
  const interrupt = new AbortController();
  const stopListening = onStopSignal(() => interrupt.abort());
  try {
    const client = connect({ env, mode: "proxy" });
    try {
      const { director: operator } = client;
      return await action({ operator, terminal, clock: systemClock, interrupted: interrupt.signal });
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) {
      terminal.err(error.message);
      return EXIT.usage;
    }
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
  };
}
