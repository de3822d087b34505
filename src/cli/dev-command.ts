import { InvalidArgumentError, type Command } from "commander";

import type { Environment } from "../config/setting";
import type { DevOptions } from "./dev-options";

interface Flags {
  readonly proto?: string[];
  readonly handlers?: string;
  readonly include?: string[];
  readonly workers: number;
  readonly dataDir?: string;
  readonly watch?: string[];
  readonly verbose?: true;
}

const WORKERS = 2;
/** Each is a process. */
const WORKERS_MAX = 64;

/** `heddle dev`. */
export function addDevCommand(
  program: Command,
  dev: (env: Environment, options: DevOptions) => Promise<number>,
  env: Environment,
  done: (code: number) => void,
): void {
  program
    .command("dev [module]")
    .description(
      "Run a director and workers to try things with; workers follow changes of their files without a failed call.",
    )
    .option("--proto <file...>", "Contract to serve without generated code. Needs --handlers.")
    .option("--handlers <module>", "JavaScript module whose exports are the handlers of the contract.")
    .option("--include <dir...>", "Folders in which imports of --proto are looked for.")
    .option("--workers <number>", "How many workers.", workerCount, WORKERS)
    .option("--data-dir <folder>", "Where the director keeps its record. Default: in memory.")
    .option("--watch <folder...>", "More folders whose changes start the workers anew.")
    .option("--verbose", "The whole log of the director and the workers, and not only warnings.")
    .addHelpText("after", DEV_HELP)
    .action(async (module: string | undefined, flags: Flags, command: Command) => {
      const { proto, handlers, include = [] } = flags;
      if ((proto === undefined) !== (handlers === undefined)) {
        command.error("error: --proto and --handlers go together: the contract, and the functions that serve it");
      }
      if (module !== undefined && proto !== undefined) {
        command.error("error: a module and --proto are given: the module says itself what it serves, so leave one out");
      }
      const options = {
        module,
        proto: proto && handlers ? { protoFiles: proto, handlersModule: handlers, includeDirs: include } : undefined,
        workers: flags.workers,
        dataDir: flags.dataDir ?? "",
        watchDirs: flags.watch ?? [],
        verbose: flags.verbose === true,
      };
      done(await dev(env, options));
    });
}

function workerCount(text: string): number {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > WORKERS_MAX) throw new InvalidArgumentError(`Use 1 to ${WORKERS_MAX}.`);
  return number;
}

const DEV_HELP = `
MODULE exports services by default (export default [service(Definition, handlers)]; and descriptors, as createWorker takes them, for tools to
know the contract), or is a program that starts a worker (runWorker, createWorker). Without it, and without --proto, the workers have the
default tasks.

  heddle dev
  heddle dev ./worker.js --workers 3
  heddle dev --proto ticker.proto --handlers ./ticker.js

The director listens at DIRECTOR_ADDR, else at its usual port, else at a free one, and has the dashboard at its HTTP port. Programs
(.js, .ts, .mjs, .cjs, .proto) in the module's folder and below are watched, node_modules left out: on a change each worker is followed by a
new one, which takes calls before the old one finishes its own and ends. A new one that does not start says why, and the old one stays.
Ctrl-C stops the workers, then the director.`;
