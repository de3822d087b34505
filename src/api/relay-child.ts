import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { FabricError } from "../core/errors";
import type { FromRelay } from "../relay-process/messages";
import type { RelayChannel } from "../relay-process/relay-handle";

/**
 * The program of a relay process, as it lies beside this file in the package. In the sources it needs what runs TypeScript
 * in the child as well, which tsx brings and test runners do not.
 */
const PROGRAM = join(__dirname, "..", "bin", "relay-process.js");
const SOURCE = join(__dirname, "..", "bin", "relay-process.ts");

/** @throws FabricError INVALID_ARGUMENT where it cannot be run */
export function relayProgram(): string {
  if (existsSync(PROGRAM)) return PROGRAM;
  if (existsSync(SOURCE) && process.execArgv.some((argument) => argument.includes("tsx"))) return SOURCE;
  throw new FabricError(
    "INVALID_ARGUMENT",
    `HEDDLE_RELAY_WORKERS is above 1, but ${PROGRAM} is not there: run the built package (not a bundle of it), or set it to 1`,
  );
}

/** Starts a relay process, which ends with this one at the latest. */
export function openRelayProcess(number: number): RelayChannel {
  const child = fork(relayProgram(), [String(number)], {
    execArgv: inheritedArguments(process.execArgv),
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return {
    send: (message, socket) => {
      child.send(message, socket, {}, (error) => {
        if (error) socket?.destroy();
      });
    },
    onMessage: (listener) => {
      child.on("message", (message) => listener(message as FromRelay));
    },
    onEnd: (listener) => {
      child.once("exit", (code, signal) => listener(signal === null ? `exit code ${code}` : signal));
      child.once("error", (error) => listener(error.message));
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** What Node was told that other programs need as well: memory, and what loads TypeScript. Never `-e`, which names the program. */
const INHERITED = /^--(max-|enable-source-maps$)/;
const INHERITED_LOADERS = /^(-r|--require|--import)(=|$)/;

function inheritedArguments(given: readonly string[]): string[] {
  return given.flatMap((argument, index) => {
    if (INHERITED.test(argument)) return [argument];
    if (!INHERITED_LOADERS.test(argument)) return [];
    return argument.includes("=") ? [argument] : [argument, given[index + 1] ?? ""];
  });
}
