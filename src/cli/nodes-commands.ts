import type { Command } from "commander";

import type { IntentKind } from "../core/member";
import type * as DrainNode from "./drain-node";
import type * as Nodes from "./nodes";
import { durationOf, EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";

// What a command does is loaded when it is run.
const loadNodes = () => require("./nodes") as typeof Nodes;
const loadDrain = () => require("./drain-node") as typeof DrainNode;

interface Flags extends OperatorFlags {
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
export function addNodesCommands(program: Command, operator: OperatorCommands): void {
  const nodes = program
    .command("nodes")
    .description("See the nodes of the cluster, and take them out of service and back.")
    .addHelpText("after", EXIT_CODES);
  const author = (flags: Flags) => flags.by ?? operator.env["USER"] ?? "";

  operator
    .add(nodes, "ls", "List the nodes: who is ready, and who is not and why.")
    .action((flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadNodes().listNodes(parts, flags.json === true)),
    );

  operator
    .add(nodes, "drain <node>", "Take a node out of routing, and watch until no call is in flight there.")
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
      return operator.run(command, flags, (parts) => loadDrain().drainNode(parts, options));
    });

  const intents = [
    ["resume", "serving", "End a drain, a maintenance or a cordon: the node takes calls again."],
    ["cordon", "cordoned", "Give a node no new calls; those it has go on."],
    ["uncordon", "serving", "End a cordon: the node takes calls again."],
  ] as const satisfies readonly (readonly [string, IntentKind, string])[];
  for (const [verb, kind, description] of intents) {
    operator
      .add(nodes, `${verb} <node>`, description)
      .option("--reason <why>", REASON)
      .option("--by <who>", "Who asks for it. Default: USER.")
      .action((node: string, flags: Flags, command: Command) => {
        const { reason = "", json = false } = flags;
        const order = { node, kind, reason, setBy: author(flags), json };
        return operator.run(command, flags, (parts) => loadNodes().setIntent(parts, order));
      });
  }
}

function deadlineOf({ deadline }: Flags, command: Command): number | undefined {
  if (deadline === undefined) return undefined;
  return deadline === false ? 0 : durationOf(command, "--deadline", deadline, ", or --no-deadline");
}

const DRAIN_HELP = `
${NODE}

Ctrl-C stops watching, not the drain: the same command finds it again, from anywhere. A drain ends with
\`heddle nodes resume\`; it outlasts the node's and the directors' restarts. Complete means that the node itself counts
no call in flight and takes no new one, whoever sent them.
${EXIT_CODES}`;
