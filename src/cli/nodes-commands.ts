import type { Command } from "commander";

import type { IntentKind } from "../core/member";
import type * as DrainNode from "./drain-node";
import { listOf } from "./list-flag";
import type * as ListNodes from "./list-nodes";
import { durationOf, EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";
import type * as RemoveNode from "./remove-node";
import type * as SetIntent from "./set-intent";
import type * as ShowNode from "./show-node";

// What a command does is loaded when it is run.
const loadList = () => require("./list-nodes") as typeof ListNodes;
const loadShow = () => require("./show-node") as typeof ShowNode;
const loadDrain = () => require("./drain-node") as typeof DrainNode;
const loadIntent = () => require("./set-intent") as typeof SetIntent;
const loadRemove = () => require("./remove-node") as typeof RemoveNode;

interface Flags extends OperatorFlags {
  readonly state?: string;
  readonly role?: string;
  readonly match?: string;
  readonly service?: string;
  readonly quiet?: true;
  readonly verbose?: true;
  readonly reason?: string;
  readonly by?: string;
  /** False: --no-deadline. */
  readonly deadline?: string | false;
  readonly force?: true;
  readonly maintenance?: true;
  readonly detach?: true;
  readonly yes?: true;
}

const NODE = "The node's id, or a beginning of it that no other has.";
const REASON = "Why; shown wherever the node is.";

/** `heddle nodes …`: what an operator does with the members of the cluster. */
export function addNodesCommands(program: Command, operator: OperatorCommands): void {
  const nodes = program
    .command("nodes")
    .description("See the nodes of the cluster, and take them out of service and back.")
    .addHelpText("after", EXIT_CODES);
  addLookingCommands(nodes, operator);
  addDrainCommand(nodes, operator);
  addIntentCommands(nodes, operator);

  operator
    .add(nodes, "rm <node>", "Forget a node. One that runs attaches again: stop it first.")
    .option("--reason <why>", REASON)
    .option("--yes", "Do not ask.")
    .addHelpText("after", `\n${NODE}`)
    .action((node: string, flags: Flags, command: Command) => {
      const { reason = "", yes = false, json = false } = flags;
      return operator.run(command, flags, (parts) => loadRemove().removeNode(parts, { node, reason, yes, json }));
    });
}

function addLookingCommands(nodes: Command, operator: OperatorCommands): void {
  operator
    .add(nodes, "ls", "List the nodes: who is ready, and who is not and why.")
    .option("--state <states>", "Only those in these states, such as alive,full or gone.")
    .option("--role <role>", "Only those of this role.")
    .option("--match <selector>", "Only those whose tags match, such as zone=a,gpu=true.")
    .option("--service <name>", "Only those that serve it.")
    .option("--quiet", "Ids only.")
    .option("--verbose", "Role, version, latencies, heartbeat, tags and services too.")
    .addHelpText("after", LIST_HELP)
    .action((flags: Flags, command: Command) => {
      const { role = "", match = "", service = "", quiet = false, verbose = false, json = false } = flags;
      const options = { states: listOf(flags.state), role, match, service, quiet, verbose, json };
      return operator.run(command, flags, (parts) => loadList().listNodes(parts, options));
    });

  operator
    .add(
      nodes,
      "show <node>",
      "All there is to know of a node: load, calls, intent and who wanted it, agents, latest events.",
    )
    .addHelpText("after", `\n${NODE}`)
    .action((node: string, flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadShow().showNode(parts, node, flags.json === true)),
    );
}

function addDrainCommand(nodes: Command, operator: OperatorCommands): void {
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
      const setBy = authorOf(flags, operator);
      const options = { node, reason, setBy, deadlineMs, force, maintenance, detach, json };
      return operator.run(command, flags, (parts) => loadDrain().drainNode(parts, options));
    });
}

const INTENTS = [
  ["resume", "serving", "End a drain, a maintenance, a cordon or a standby: the node takes calls again."],
  ["cordon", "cordoned", "Give a node no new calls; those it has go on."],
  ["uncordon", "serving", "End a cordon: the node takes calls again."],
  ["maintenance", "maintenance", "Take a node out for work on its machine: it finishes what it has."],
  ["standby", "standby", "Use a node only when no other is ready."],
] as const satisfies readonly (readonly [string, IntentKind, string])[];

function addIntentCommands(nodes: Command, operator: OperatorCommands): void {
  for (const [verb, kind, description] of INTENTS) {
    operator
      .add(nodes, `${verb} <node>`, description)
      .option("--reason <why>", REASON)
      .option("--by <who>", "Who asks for it. Default: USER.")
      .addHelpText("after", `\n${NODE}`)
      .action((node: string, flags: Flags, command: Command) => {
        const { reason = "", json = false } = flags;
        const order = { node, kind, reason, setBy: authorOf(flags, operator), json };
        return operator.run(command, flags, (parts) => loadIntent().setIntent(parts, order));
      });
  }
}

function authorOf(flags: Flags, operator: OperatorCommands): string {
  return flags.by ?? operator.env["USER"] ?? "";
}

function deadlineOf({ deadline }: Flags, command: Command): number | undefined {
  if (deadline === undefined) return undefined;
  return deadline === false ? 0 : durationOf(command, "--deadline", deadline, ", or --no-deadline");
}

const LIST_HELP = `
States: joining, alive, suspect, dead, draining, left; and as people mean them: ready, full (there, with every slot in
use), standby, out (an operator took it out), unready, gone (dead or left). Several are separated by commas.
${EXIT_CODES}`;

const DRAIN_HELP = `
${NODE}

Ctrl-C stops watching, not the drain: the same command finds it again, from anywhere. A drain ends with
\`heddle nodes resume\`; it outlasts the node's and the directors' restarts. Complete means that the node itself counts
no call in flight and takes no new one, whoever sent them.
${EXIT_CODES}`;
