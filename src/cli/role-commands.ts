import type { Command } from "commander";

import { clientSettings } from "../config/client-settings";
import { directorSettings } from "../config/director-settings";
import type { Environment } from "../config/setting";
import { workerSettings } from "../config/worker-settings";
import type { Roles } from "./roles";
import { addSettingFlags, withFlags } from "./setting-flags";

interface Flags {
  readonly [key: string]: unknown;
  readonly proto?: string[];
  readonly handlers?: string;
  readonly include?: string[];
  readonly target?: string;
  readonly services?: string;
  readonly descriptors?: string;
}

/** `heddle director|worker|client|attach`: processes that run until they are told to stop. */
export function addRoleCommands(program: Command, roles: Roles, env: Environment, done: (code: number) => void): void {
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
}
