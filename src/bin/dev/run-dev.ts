import { dirname, resolve } from "node:path";
import { connect } from "../../api/client";
import { suggestedCall } from "../../cli/call/suggest-call";
import type { DevOptions } from "../../cli/dev-options";
import { printable } from "../../cli/printable";
import { EXIT, paint, type Terminal } from "../../cli/terminal";
import type { FabricClient } from "../../client/fabric-client";
import type { Environment } from "../../config/setting";
import { messageOf } from "../../core/errors";
import { onStopSignal } from "../../platform/signals";
import { systemClock } from "../../platform/system-clock";
import { processTerminal } from "../process-terminal";
import { startDirector, type DevDirector } from "./dev-director";
import type { DevWork } from "./dev-work";
import { DevWorkers } from "./dev-workers";
import { watchFolders } from "./watch-folders";

/** `heddle dev`: a director and workers in processes of their own, until Ctrl-C. Resolves to the exit code. */
export async function runDev(env: Environment, options: DevOptions): Promise<number> {
  const terminal = processTerminal();
  const stopping = new AbortController();
  let killed: () => void = () => {};
  const stopListening = onStopSignal(() => stopping.abort(), {
    on: (signal, listener) => process.on(signal, listener),
    off: (signal, listener) => process.off(signal, listener),
    exit: (code) => {
      killed();
      process.exit(code);
    },
  });
  const say = (from: string, line: string) => {
    const name = from === "" ? paint(terminal, "yellow", "dev") : paint(terminal, "dim", from);
    terminal.err(`${name}  ${printable(line)}`);
  };
  let director: DevDirector;
  try {
    director = await startDirector(env, options, say);
  } catch (error) {
    terminal.err(`${paint(terminal, "red", "error:")} ${messageOf(error)}`);
    terminal.err("Try: heddle dev with DIRECTOR_ADDR=127.0.0.1:0, which takes a free port");
    stopListening();
    return EXIT.failed;
  }
  const fabric = connect({ env, directors: [director.address], mode: "proxy" });
  const work = workOf(options);
  const workers = new DevWorkers({
    clock: systemClock,
    fabric,
    work,
    count: options.workers,
    // What handlers write is what matters here.
    env: { ...(options.verbose ? {} : { HEDDLE_LOG_LEVEL: "warn" }), ...env, DIRECTOR_ADDR: director.address },
    say,
    stopping: stopping.signal,
  });
  killed = () => {
    workers.kill();
    director.process.kill();
  };
  const unwatch = watchFolders(foldersOf(work, options), (file) => {
    say("", `${file} has changed`);
    void workers.replaceAll();
  });
  try {
    await workers.replaceAll();
    if (!stopping.signal.aborted) await greet(terminal, fabric, director, workers, options);
    const isHopeless = workers.size === 0 && work.kind === "default";
    const ended = director.process.exited.then((how) => {
      if (!stopping.signal.aborted) say("", `the director ended by itself (${how})`);
    });
    if (!isHopeless) await Promise.race([aborted(stopping.signal), ended]);
    return stopping.signal.aborted ? EXIT.interrupted : EXIT.failed;
  } finally {
    stopping.abort();
    unwatch();
    terminal.err("stopping the workers, then the director; Ctrl-C again ends them at once");
    await workers.stop();
    await fabric.close();
    await director.process.stop();
    stopListening();
  }
}

function workOf({ module, proto }: DevOptions): DevWork {
  if (proto) return { kind: "proto", proto };
  return module === undefined ? { kind: "default" } : { kind: "program", file: module };
}

function foldersOf(work: DevWork, { watchDirs }: DevOptions): string[] {
  const files =
    work.kind === "proto" ? [work.proto.handlersModule, ...work.proto.protoFiles] : "file" in work ? [work.file] : [];
  return [...files.map((file) => dirname(resolve(file))), ...watchDirs.map((folder) => resolve(folder))];
}

async function greet(
  terminal: Terminal,
  fabric: FabricClient,
  { address, url }: DevDirector,
  workers: DevWorkers,
  options: DevOptions,
): Promise<void> {
  const what = options.module ?? options.proto?.handlersModule ?? "the default tasks";
  const others = address === "127.0.0.1:61000" ? "" : ` --directors ${address}`;
  const call = await suggestedCall(fabric, systemClock).catch(() => "heddle call");
  terminal.out("");
  terminal.out(`  director   ${address}`);
  if (url !== "") terminal.out(`  dashboard  ${url}`);
  terminal.out(`  workers    ${workers.size} of ${options.workers}: ${what}`);
  if (what !== "the default tasks")
    terminal.out("             a change of its files starts new ones, then drains the old");
  terminal.out("");
  terminal.out("Try, in another terminal:");
  for (const command of [call, "heddle top", "heddle status"]) terminal.out(`  ${command}${others}`);
  terminal.out("Ctrl-C stops all.");
  terminal.out("");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
