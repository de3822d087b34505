import { Command } from "commander";

import type { Environment } from "../config/setting";
import { addCallCommands } from "./call-commands";
import { addAssignmentsCommands } from "./assignments-commands";
import { addClusterCommands } from "./cluster-commands";
import { addDevCommand } from "./dev-command";
import { addNodesCommands } from "./nodes-commands";
import { OperatorCommands } from "./operator-commands";
import { addRoleCommands } from "./role-commands";
import type { Roles } from "./roles";
import { addSupportCommands } from "./support-commands";
import { EXIT } from "./terminal";

export type { AttachTarget, ProtoWorker, Roles } from "./roles";

/**
 * The `heddle` command. `done` ends the process. What is here and in the `…-commands` files only says what there is; what a command does is
 * loaded when it is run.
 */
export function heddleProgram(roles: Roles, env: Environment, version: string, done: (code: number) => void): Command {
  const program = new Command("heddle")
    .description("A gRPC compute fabric: every call finds the right live worker.")
    .version(version)
    // Subcommands inherit it. Help and version are errors to commander too, with the code 0.
    .exitOverride(({ exitCode }) => done(exitCode === 0 ? EXIT.ok : EXIT.usage));
  const operator = new OperatorCommands({ operate: roles.operate, env, done });

  addRoleCommands(program, roles, env, done);
  addDevCommand(program, (settings, options) => roles.dev(settings, options), env, done);
  addClusterCommands(program, operator);
  addNodesCommands(program, operator);
  addCallCommands(program, operator, roles.calls);
  addAssignmentsCommands(program, operator);
  addSupportCommands(program, operator, { env, version, terminal: roles.terminal, done });
  showWhatToTry(program, "heddle");
  return program;
}

/** After wrong usage each command names its own help. */
function showWhatToTry(command: Command, name: string): void {
  command.showHelpAfterError(`Try: ${name} --help`);
  for (const each of command.commands) showWhatToTry(each, `${name} ${each.name()}`);
}
