import { Argument, type Command } from "commander";

import type { Environment } from "../config/setting";
import { completionScript, SHELLS, WORDS_COMMAND, type Shell } from "./completion-scripts";
import type * as CompletionWords from "./completion-words";
import type * as DebugBundle from "./debug-bundle";
import { listOf } from "./list-flag";
import { EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";
import type * as ShowConfig from "./show-config";
import { EXIT, type Terminal } from "./terminal";
import type * as TailEvents from "./tail-events";

const loadTail = () => require("./tail-events") as typeof TailEvents;
const loadDebug = () => require("./debug-bundle") as typeof DebugBundle;
const loadWords = () => require("./completion-words") as typeof CompletionWords;
const loadConfig = () => require("./show-config") as typeof ShowConfig;

interface Flags extends OperatorFlags {
  readonly since?: string;
  readonly kind?: string;
  readonly node?: string;
  readonly last?: string;
  readonly output?: string;
  readonly changed?: true;
}

export interface SupportParts {
  readonly env: Environment;
  readonly version: string;
  readonly terminal: Terminal;
  readonly done: (code: number) => void;
}

/** `heddle events|debug|config|completion`: what helps to find out what happened, and to type less. */
export function addSupportCommands(program: Command, operator: OperatorCommands, parts: SupportParts): void {
  const { env, version, terminal, done } = parts;
  addEventsCommands(program, operator);

  operator
    .add(program, "debug", "Write what someone else needs to see to help into one file, secrets masked.")
    .option("--output <file>", "Its name. Default: one with the time in it, here.")
    .addHelpText("after", DEBUG_HELP)
    .action((flags: Flags, command: Command) => {
      const options = { env, version, file: flags.output ?? "", json: flags.json === true };
      return operator.run(command, flags, (each) => loadDebug().writeDebugBundle(each, options));
    });

  program
    .command("config")
    .description("The settings that a role would run with here, and where each comes from. Secrets are masked.")
    .addArgument(new Argument("<role>").choices(["director", "worker", "client"]))
    .option("--changed", "Only those that are not at their default.")
    .option("--json", "Print JSON, for programs.")
    .action((role: ShowConfig.RoleName, flags: Flags) => {
      const options = { role, json: flags.json === true, changedOnly: flags.changed === true };
      done(loadConfig().showConfig({ terminal, env }, options));
    });

  addCompletionCommands(program, operator, parts);
}

function addEventsCommands(program: Command, operator: OperatorCommands): void {
  const events = program.command("events").description("See what happens in the cluster.");
  operator
    .add(events, "tail", "What happens in the cluster, as it happens, after the latest few.")
    .option("--since <revision>", "Begin after this revision; 0 begins with the nodes as they are.")
    .option("--last <count>", "Begin with this many of the latest. Default: 10.")
    .option("--kind <kinds>", "Only these, such as node-failed,node-suspected.")
    .option("--node <node>", "Only of the nodes whose id is or begins so.")
    .addHelpText("after", TAIL_HELP)
    .action((flags: Flags, command: Command) => {
      const since = flags.since === undefined ? undefined : wholeNumber(command, "--since", flags.since, 0);
      const last = flags.last === undefined ? 10 : wholeNumber(command, "--last", flags.last, 1);
      const options = { since, last, kinds: listOf(flags.kind), node: flags.node ?? "", json: flags.json === true };
      return operator.run(command, flags, (parts) => loadTail().tailEvents(parts, options));
    });
}

function addCompletionCommands(program: Command, operator: OperatorCommands, { terminal, done }: SupportParts): void {
  program
    .command("completion")
    .description("Print the script that completes commands, flags and ids in a shell.")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: Shell) => {
      terminal.out(completionScript(shell));
      done(EXIT.ok);
    });

  program
    .command(`${WORDS_COMMAND} [words...]`, { hidden: true })
    .description("What the completion scripts ask.")
    .action(async (words: string[], _flags: Flags, command: Command) => {
      const { completing, valuesOf } = loadWords();
      const { words: candidates, argument } = completing(program, words);
      const begun = words.at(-1) ?? "";
      const print = (values: readonly string[]) => {
        for (const value of new Set(values)) if (value.startsWith(begun)) terminal.out(value);
      };
      print(candidates);
      if (argument === undefined) return done(EXIT.ok);
      return await operator.run(command, { timeout: "1s" }, async (each) => {
        print(await valuesOf(each, argument));
        return EXIT.ok;
      });
    });
}

function wholeNumber(command: Command, flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value)) {
    command.error(`error: ${flag} is "${text}": use a whole number from ${least}`);
  }
  return value;
}

const TAIL_HELP = `
Goes on until Ctrl-C. When the director goes away it goes on at another one after the last revision that was shown;
where that is no longer kept, "reset" and the nodes as they are come first.
${EXIT_CODES}`;

const DEBUG_HELP = `
The file has: versions, the settings that are set, the status, the nodes, what was counted, the latest events, and why
nobody can take the calls that nobody can. Certificates, keys, passwords, call metadata and parameters of agents are not
in it; addresses, ids, tags and the reasons that people gave are.
${EXIT_CODES}`;
