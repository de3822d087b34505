import type { Command } from "commander";

import type * as Balance from "./balance";
import type * as Directors from "./directors";
import type * as Explain from "./explain";
import { EXIT_CODES, type OperatorCommands, type OperatorFlags } from "./operator-commands";
import type * as Status from "./status";

const loadStatus = () => require("./status") as typeof Status;
const loadDirectors = () => require("./directors") as typeof Directors;
const loadBalance = () => require("./balance") as typeof Balance;
const loadExplain = () => require("./explain") as typeof Explain;

interface Flags extends OperatorFlags {
  readonly quiet?: true;
  readonly match?: string;
  readonly affinity?: string;
  readonly policy?: string;
  readonly worker?: string;
  readonly reason?: string;
  readonly by?: string;
}

/** `heddle status|directors|leader|balance|explain`: what concerns the whole cluster. */
export function addClusterCommands(program: Command, operator: OperatorCommands): void {
  operator
    .add(program, "status [id]", "The cluster on one screen; or the node, director or assignment of this id.")
    .addHelpText("after", `\nAn id may be the beginning of one that no other has.\n${EXIT_CODES}`)
    .action((id: string | undefined, flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadStatus().showStatus(parts, id ?? "", flags.json === true)),
    );

  const directors = program
    .command("directors")
    .description("See the directors of the cluster, and take them out of service and back.");
  operator
    .add(directors, "ls", "List the directors: where they are, and who leads.")
    .option("--quiet", "Ids only.")
    .action((flags: Flags, command: Command) => {
      const { json = false, quiet = false } = flags;
      return operator.run(command, flags, (parts) => loadDirectors().listDirectors(parts, { json, quiet }));
    });

  const intents = [
    ["maintenance", "maintenance", "Have a director pass no more calls on; its workers stay."],
    ["resume", "serving", "End a director's maintenance."],
  ] as const;
  for (const [verb, kind, description] of intents) {
    operator
      .add(directors, `${verb} <director>`, description)
      .option("--reason <why>", "Why; shown wherever the director is.")
      .option("--by <who>", "Who asks for it. Default: USER.")
      .action((director: string, flags: Flags, command: Command) => {
        const { reason = "", by: setBy = operator.env["USER"] ?? "", json = false } = flags;
        const order = { director, kind, reason, setBy, json };
        return operator.run(command, flags, (parts) => loadDirectors().setDirectorIntent(parts, order));
      });
  }

  addLeaderCommands(program, operator);
  addBalanceCommands(program, operator);

  operator
    .add(
      program,
      "explain <Service/Method>",
      "A dry run of a call: who could get it, who not and why, and who would be picked.",
    )
    .option("--match <selector>", "Only nodes whose tags match, such as zone=a,gpu=true.")
    .option("--affinity <key>", "Key for policies that send the same key to the same node.")
    .option("--policy <name>", "By this policy instead of the cluster's.")
    .option("--worker <node>", "Only this node.")
    .addHelpText(
      "after",
      `\nThe end of the service's name that no other has will do. The method may be left off: what holds for its service holds for it.\n${EXIT_CODES}`,
    )
    .action((method: string, flags: Flags, command: Command) => {
      const { match = "", affinity: affinityKey = "", policy = "", worker: node = "", json = false } = flags;
      const options = { method, match, affinityKey, policy, node, json };
      return operator.run(command, flags, (parts) => loadExplain().explainCall(parts, options));
    });
}

function addLeaderCommands(program: Command, operator: OperatorCommands): void {
  const leader = operator
    .add(program, "leader", "Which director leads; transfer makes another one lead.")
    .action((flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadDirectors().showLeader(parts, flags.json === true)),
    );
  operator
    .add(leader, "transfer [director]", "Have the leader step down for this director, or for any other.")
    .action((director: string | undefined, _flags: Flags, command: Command) => {
      // The same flags before and after the word.
      const flags = command.optsWithGlobals<Flags>();
      const options = { director: director ?? "", json: flags.json === true };
      return operator.run(command, flags, (parts) => loadDirectors().transferLeadership(parts, options));
    });
}

function addBalanceCommands(program: Command, operator: OperatorCommands): void {
  const balance = program.command("balance").description("See and change how calls are spread over the nodes.");
  operator
    .add(balance, "get", "The policy of the cluster, and those there are.")
    .action((flags: Flags, command: Command) =>
      operator.run(command, flags, (parts) => loadBalance().showPolicy(parts, flags.json === true)),
    );
  operator
    .add(balance, "set <policy>", "Change the policy, for the whole cluster and for good.")
    .action((policy: string, flags: Flags, command: Command) => {
      const options = { policy, json: flags.json === true };
      return operator.run(command, flags, (parts) => loadBalance().setPolicy(parts, options));
    });
}
