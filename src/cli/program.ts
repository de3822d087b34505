import { Command } from "commander";

import { clientSettings } from "../config/client-settings";
import { directorSettings } from "../config/director-settings";
import type { Environment } from "../config/setting";
import { workerSettings } from "../config/worker-settings";
import { addNodesCommands, type Operate } from "./nodes-commands";
import { addSettingFlags, withFlags } from "./setting-flags";

/** A contract without generated code: `heddle worker --proto … --handlers …`. */
export interface ProtoWorker {
  readonly protoFiles: readonly string[];
  readonly handlersModule: string;
  readonly includeDirs: readonly string[];
}

/** A server of any language that a side-car attaches: `heddle attach`. */
export interface AttachTarget {
  readonly address: string;
  /** Full names; empty takes all that the target's reflection lists. */
  readonly services: readonly string[];
  /** Descriptor-set file; "" asks the target's reflection. */
  readonly descriptorsFile: string;
}

/** What the subcommands do. Each resolves to the exit code when the role has ended. */
export interface Roles {
  director(env: Environment): Promise<number>;
  worker(env: Environment, proto: ProtoWorker | undefined): Promise<number>;
  client(env: Environment): Promise<number>;
  attach(env: Environment, target: AttachTarget): Promise<number>;
  /** Runs a command of an operator, which asks something of the cluster and ends. */
  operate: Operate;
}

interface Flags {
  readonly [key: string]: unknown;
  readonly proto?: string[];
  readonly handlers?: string;
  readonly include?: string[];
  readonly target?: string;
  readonly services?: string;
  readonly descriptors?: string;
}

/** Exit code of a command that was told something wrong. */
const EXIT_USAGE = 2;

/** The `heddle` command. `done` ends the process. */
export function heddleProgram(roles: Roles, env: Environment, version: string, done: (code: number) => void): Command {
  const program = new Command("heddle")
    .description("A gRPC compute fabric: every call finds the right live worker.")
    .version(version)
    .showHelpAfterError("(heddle --help lists the commands)")
    // Subcommands inherit it. Help and version are errors to commander too, with the code 0.
    .exitOverride(({ exitCode }) => done(exitCode === 0 ? 0 : EXIT_USAGE));

  addSettingFlags(program.command("director"), directorSettings)
    .description("Run a director: the one port for control, discovery and calls.")
    .action(async (flags: Flags) => done(await roles.director(withFlags(env, directorSettings, flags))));

  addSettingFlags(program.command("worker"), workerSettings)
    .description("Run a worker: the default tasks, or your own contract with --proto and --handlers.")
    .option("--proto <file...>", "Contract to serve without generated code. Needs --handlers.")
    .option("--handlers <module>", "JavaScript module whose exports are the handlers of the contract.")
    .option("--include <dir...>", "Folders in which imports of --proto are looked for.")
    .action(async (flags: Flags, command: Command) => {
      if ((flags.proto === undefined) !== (flags.handlers === undefined)) {
        command.error("error: --proto and --handlers go together: the contract, and the functions that serve it");
      }
      const proto =
        flags.proto && flags.handlers
          ? { protoFiles: flags.proto, handlersModule: flags.handlers, includeDirs: flags.include ?? [] }
          : undefined;
      done(await roles.worker(withFlags(env, workerSettings, flags), proto));
    });

  addSettingFlags(program.command("client"), clientSettings)
    .description("Stream tokens from worker to worker, as a demonstration of failover.")
    .action(async (flags: Flags) => done(await roles.client(withFlags(env, clientSettings, flags))));

  addSettingFlags(program.command("attach"), workerSettings)
    .description("Attach a gRPC server of any language as a worker (side-car).")
    .requiredOption("--target <host:port>", "Where the server listens.")
    .option("--services <names>", "Full names, comma-separated. Default: all that the target's reflection lists.")
    .option("--descriptors <file>", "Descriptor-set file, for a target without reflection.")
    .action(async (flags: Flags) => {
      const services = (flags.services ?? "").split(",").map((name) => name.trim());
      const target = {
        address: flags.target ?? "",
        services: services.filter((name) => name !== ""),
        descriptorsFile: flags.descriptors ?? "",
      };
      done(await roles.attach(withFlags(env, workerSettings, flags), target));
    });

  addNodesCommands(program, roles.operate, env, done);
  return program;
}
