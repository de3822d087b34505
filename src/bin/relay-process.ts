import type { Socket } from "node:net";
import { type RelaySettings, type RunningRelay, startRelay } from "../api/relay-program";
import { policiesOfModule } from "../balancing/policy-module";
import { messageOf } from "../core/errors";
import type { FromRelay, ToRelay } from "../relay-process/messages";
import { loadModule } from "../api/load-module";

// A director starts this program, once for each of HEDDLE_RELAY_WORKERS; by itself it does nothing.

/** What a relay process may take to send its last answers. */
const STOP_MS = 2_000;

// A terminal, and many a supervisor, signals every process of a group. The director is one of them, and says what is to be done.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

let stopping = false;
process.on("disconnect", () => {
  if (!stopping) process.exit(0); // the director is gone
});

const send = (message: FromRelay) => void process.send?.(message, undefined, {}, () => {});

/** What comes while the process starts waits for it. */
let running: Promise<RunningRelay> | undefined;

process.on("message", (message: ToRelay<RelaySettings>, socket: Socket | undefined) => {
  if (message.kind === "start") {
    running = start(message.settings);
    return;
  }
  void running?.then((relay) => {
    relay.receive(message, socket);
    if (message.kind === "stop") stop();
  });
});

async function start(settings: RelaySettings): Promise<RunningRelay> {
  const { balancerModule } = settings.config;
  try {
    const module = "HEDDLE_BALANCER_MODULE";
    const policies =
      balancerModule === "" ? {} : policiesOfModule(await loadModule(balancerModule, module), balancerModule);
    return startRelay(settings, policies, send);
  } catch (error) {
    process.send?.({ kind: "failed", reason: messageOf(error) } satisfies FromRelay, undefined, {}, () =>
      process.exit(1),
    );
    return await new Promise(() => {});
  }
}

function stop(): void {
  stopping = true;
  process.disconnect();
  setTimeout(() => process.exit(0), STOP_MS).unref();
}
