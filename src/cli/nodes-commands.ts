import type { Command } from "commander";

import { clientSettings } from "../config/client-settings";
import type { Environment } from "../config/setting";
import { drainNode, type DrainParts } from "./drain-node";
import { parseDuration } from "./duration";
import { listNodes, setIntent } from "./nodes";
import { withFlags } from "./setting-flags";

/** Runs `action` with what it needs to ask the cluster. Resolves to the exit code; whatever fails is reported. */
export type Operate = (env: Environment, action: (parts: DrainParts) => Promise<number>) => Promise<number>;

interface Flags {
  readonly [key: string]: unknown;
  readonly json?: true;
  readonly reason?: string;
  readonly by?: string;
  /** False: --no-deadline. */
  readonly deadline?: string | false;
  readonly force?: true;
  readonly maintenance?: true;
  readonly detach?: true;
}

const NODE = "The node's id, or a beginning of it that no other has.";
const REASON = "Why; shown wherever the node is.";

/** `heddle nodes …`: what an operator does with the members of the cluster. */
export function addNodesCommands(
  program: Command,
  operate: Operate,
  env: Environment,
  done: (code: number) => void,
): void {
  const nodes = program
    .command("nodes")
    .description("See the nodes of the cluster, and take them out of service and back.")
    .addHelpText("after", EXIT_CODES);

  const add = (usage: string, description: string) => {
    return nodes
      .command(usage)
      .description(description)
      .option("--directors <addresses>", `Whom to ask. [${clientSettings.directors.name}]`)
      .option("--json", "Print JSON, for programs.");
  };
  const run = async (flags: Flags, action: (parts: DrainParts) => Promise<number>) =>
    done(await operate(withFlags(env, { directors: clientSettings.directors }, flags), action));
  const author = (flags: Flags) => flags.by ?? env["USER"] ?? "";

  add("ls", "List the nodes: who is ready, and who is not and why.").action((flags: Flags) =>
    run(flags, ({ ...parts }) => listNodes(parts, flags.json === true)),
  );

  add("drain <node>", "Take a node out of routing, and watch until no call is in flight there.")
    .option(
      "--deadline <duration>",
      "Until when calls may go on, such as 90s, 30m or 1h30m. Default of a new drain: 30m.",
    )
    .option("--no-deadline", "Calls may go on for ever.")
    .option("--force", "End the calls that go on after the deadline.")
    .option("--maintenance", "As maintenance of the machine.")
    .option("--detach", "Begin the drain, and do not watch it.")
    .option("--reason <why>", REASON)
    .option("--by <who>", "Who asks for it. Default: USER.")
    .addHelpText("after", DRAIN_HELP)
    .action((node: string, flags: Flags, command: Command) => {
      const deadlineMs = deadlineOf(flags, command);
      const { reason = "", force, maintenance = false, detach = false, json = false } = flags;
      const options = { node, reason, setBy: author(flags), deadlineMs, force, maintenance, detach, json };
      return run(flags, (parts) => drainNode(parts, options));
    });

  const intents = [
    ["resume", "serving", "End a drain, a maintenance or a cordon: the node takes calls again."],
    ["cordon", "cordoned", "Give a node no new calls; those it has go on."],
    ["uncordon", "serving", "End a cordon: the node takes calls again."],
  ] as const;
  for (const [verb, kind, description] of intents) {
    add(`${verb} <node>`, description)
      .option("--reason <why>", REASON)
      .option("--by <who>", "Who asks for it. Default: USER.")
      .action((node: string, flags: Flags) => {
        const { reason = "", json = false } = flags;
        return run(flags, (parts) => setIntent(parts, { node, kind, reason, setBy: author(flags), json }));
      });
  }
}

function deadlineOf({ deadline }: Flags, command: Command): number | undefined {
  if (deadline === undefined) return undefined;
  if (deadline === false) return 0;
  const deadlineMs = parseDuration(deadline);
  if (deadlineMs === undefined || deadlineMs === 0) {
    command.error(`error: --deadline is "${deadline}": use a duration such as 90s, 30m or 1h30m, or --no-deadline`);
  }
  return deadlineMs;
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such node, 4 not allowed, 5 no answer in time, 130 interrupted.`;

const DRAIN_HELP = `
${NODE}

Ctrl-C stops watching, not the drain: the same command finds it again, from anywhere. A drain ends with
\`heddle nodes resume\`; it outlasts the node's and the directors' restarts. Complete means that the node itself counts
no call in flight and takes no new one, whoever sent them.
${EXIT_CODES}`;
