import { constants } from "node:os";

import { connect } from "../api/client";
import type { Operate } from "../cli/operator-commands";
import { isUnreachable, reportFailure } from "../cli/report-failure";
import { loadClientConfig } from "../config/roles";
import { onStopSignal } from "../platform/signals";
import { systemClock } from "../platform/system-clock";
import { AgentServiceDefinition } from "../wire/contract";
import { processTerminal } from "./process-terminal";
import type * as WhyUnreachable from "./why-unreachable";

const loadProbe = () => require("./why-unreachable") as typeof WhyUnreachable;

/** Through whichever director answers. Ctrl-C ends what waits; a second one ends the process. */
export const operate: Operate = async (env, action, { mode = "proxy" } = {}) => {
  const terminal = processTerminal();
  endWithReader();
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
    return reportFailure(
      terminal,
      error,
      isUnreachable(error) ? await loadProbe().whyUnreachable(loadClientConfig(env)) : [],
    );
  } finally {
    stopListening();
  }
};

/** Where nobody reads any more (`… | head -1`) there is nothing left to do. As a program that SIGPIPE ends. */
function endWithReader(): void {
  process.stdout.once("error", () => process.exit(128 + constants.signals.SIGPIPE));
}
