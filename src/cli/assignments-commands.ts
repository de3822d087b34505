import type { Command } from "commander";

import type * as Agents from "./agents";
import { listOf } from "./list-flag";
import { EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";

const loadAgents = () => require("./agents") as typeof Agents;

interface Flags extends OperatorFlags {
  readonly node?: string;
  readonly quiet?: true;
  readonly service?: string;
  readonly match?: string;
  readonly param?: string[];
  readonly reason?: string;
  readonly yes?: true;
  readonly max?: string;
  readonly dryRun?: true;
}

const REASON = "Why; kept in the event.";
/** The contract's own bound is the director's to check; this is what its number can hold. */
const MOVES_MAX = 4_294_967_295;

/** `heddle assignments …`: named agents, each of which lives on one node at a time. */
export function addAssignmentsCommands(program: Command, operator: OperatorCommands): void {
  const assignments = program
    .command("assignments")
    .description("See which agents are on which nodes; place, release and spread them.")
    .addHelpText("after", EXIT_CODES);

  operator
    .add(assignments, "ls", "List the agents: where each is, or why it is nowhere.")
    .option("--node <node>", "Only those of this node.")
    .option("--quiet", "Names only.")
    .action((flags: Flags, command: Command) => {
      const { node = "", json = false, quiet = false } = flags;
      return operator.run(command, flags, (parts) => loadAgents().listAgents(parts, { node, json, quiet }));
    });

  operator
    .add(assignments, "show <assignment>", "All there is to know of an agent.")
    .action((name: string, flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadAgents().showAgent(parts, name, flags.json === true)),
    );

  operator
    .add(assignments, "add <name>", "Place an agent on a node that serves what it needs and has a free slot.")
    .option("--service <names>", "Services that its node must serve, separated by commas.")
    .option("--match <selector>", "Only nodes whose tags match, such as zone=a,gpu=true.")
    .option("--param <key=value...>", "What the agent is told when it starts.")
    .option("--node <node>", "Only this node.")
    .addHelpText(
      "after",
      `\nThe same again changes nothing. Where no node can take it, it waits for one.\n${EXIT_CODES}`,
    )
    .action((name: string, flags: Flags, command: Command) => {
      const { match = "", node = "", json = false } = flags;
      const parameters = parametersOf(flags.param ?? [], command);
      const options = { name, services: listOf(flags.service), match, parameters, node, json };
      return operator.run(command, flags, (parts) => loadAgents().addAgent(parts, options));
    });

  operator
    .add(assignments, "rm <assignment>", "Take an agent off its node, and forget it.")
    .option("--reason <why>", REASON)
    .option("--yes", "Do not ask.")
    .action((name: string, flags: Flags, command: Command) => {
      const { reason = "", yes = false, json = false } = flags;
      return operator.run(command, flags, (parts) => loadAgents().removeAgent(parts, { name, reason, yes, json }));
    });

  operator
    .add(assignments, "rebalance", "Move agents from nodes that have many to such as have few.")
    .option("--max <moves>", "At most this many moves. Default: 10.")
    .option("--dry-run", "Say what would be moved, and move nothing.")
    .option("--reason <why>", REASON)
    .action((flags: Flags, command: Command) => {
      const { reason = "", dryRun = false, json = false } = flags;
      const options = { movesMax: movesOf(flags, command), dryRun, reason, json };
      return operator.run(command, flags, (parts) => loadAgents().rebalanceAgents(parts, options));
    });
}

function parametersOf(given: readonly string[], command: Command): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of given) {
    const at = pair.indexOf("=");
    if (at < 1) command.error(`error: --param is "${pair}": use key=value`);
    parameters.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return parameters;
}

/** 0: the director's own default. */
function movesOf({ max }: Flags, command: Command): number {
  if (max === undefined) return 0;
  const moves = Number(max);
  if (!/^\d+$/.test(max) || moves < 1 || moves > MOVES_MAX) {
    command.error(`error: --max is "${max}": use a whole number from 1`);
  }
  return moves;
}
