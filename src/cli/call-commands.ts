import type { Command } from "commander";

import type { CallTools } from "./call-tools";
import { durationOf, EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";
import type * as RunTop from "./top/run-top";

// What a command does is loaded when it is run.
const loadTop = () => require("./top/run-top") as typeof RunTop;

/** `heddle top`, and what else looks at calls or makes them. */
export function addCallCommands(program: Command, operator: OperatorCommands, tools: CallTools): void {
  addTop(program, operator, tools);
}

interface TopFlags extends OperatorFlags {
  readonly once?: true;
  readonly interval: string;
}

/** Asked more often than this, a large cluster has its director busy with answering. */
const INTERVAL_MIN_MS = 200;

function addTop(program: Command, operator: OperatorCommands, tools: CallTools): void {
  operator
    .add(program, "top", "Watch the cluster live: its calls, and every node's state, slots, latency and errors.")
    .option("--interval <duration>", "How often to ask, such as 500ms or 2s; at least 200ms.", "1s")
    .option("--once", "Print the cluster once, after one interval, and end. So does --json.")
    .addHelpText("after", TOP_HELP)
    .action((flags: TopFlags, command: Command) => {
      const intervalMs = durationOf(command, "--interval", flags.interval);
      if (intervalMs < INTERVAL_MIN_MS) {
        command.error(`error: --interval is "${flags.interval}": use at least 200ms`);
      }
      const { json = false, once = false } = flags;
      const options = { json, once, intervalMs, setBy: operator.env["USER"] ?? "" };
      return operator.run(command, flags, (parts) => {
        const openScreen = () => tools.openScreen(parts.terminal.coloured);
        return loadTop().runTop({ ...parts, openScreen }, options);
      });
    });
}

const TOP_HELP = `
Keys: arrows and PgUp/PgDn choose a node, Enter shows all about it, / filters, d drains, c cordons, r resumes it (each asks
first, and names the command that does the same), capital letters sort (C calls/s, L p99, E errors/s, I in flight, P phi,
B age of the last heartbeat, S state, N name), ? lists all keys, q quits.

Rates are of the last five seconds, of the calls through the director that was asked. While no director answers, what was
last seen stays with its age. Where the output is no terminal the cluster is printed once.
${EXIT_CODES}`;
