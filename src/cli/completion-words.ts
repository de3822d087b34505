import type { Command } from "commander";

import { EVENT_KINDS, MEMBER_STATES } from "../wire/member-codec";
import { CONDITIONS } from "./node-facts";
import type { OperatorParts } from "./operator";

/** What the words before the cursor's stand for. */
export interface Completing {
  /** Subcommands and flags that may stand there. */
  readonly words: readonly string[];
  /** Name of the argument that may stand there: "node" of `<node>`. Its values are the cluster's to say. */
  readonly argument: string | undefined;
}

/** What may stand at the last of the words. */
export function completing(program: Command, words: readonly string[]): Completing {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  let command = program;
  let given = 0;
  let waiting = "";
  for (const word of before) {
    if (waiting !== "") {
      waiting = "";
      continue;
    }
    if (word.startsWith("-")) {
      const option = command.options.find(({ long, short }) => word === long || word === short);
      waiting = option !== undefined && (option.required || option.optional) ? (option.long ?? "") : "";
      continue;
    }
    const inner = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (inner) {
      command = inner;
      given = 0;
    } else given += 1;
  }
  if (waiting !== "") return { words: [], argument: waiting.slice(2) };
  if (current.startsWith("-")) {
    const flags = command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? []);
    return { words: [...flags, "--help"], argument: undefined };
  }
  const inner = command.commands.filter((each) => !isHidden(each)).map((each) => each.name());
  const argument = command.registeredArguments[given] ?? command.registeredArguments.find(({ variadic }) => variadic);
  return { words: given === 0 ? inner : [], argument: argument?.name() };
}

function isHidden(command: Command): boolean {
  return (command as unknown as { readonly _hidden?: boolean })._hidden === true;
}

const VALUES: Readonly<Record<string, (parts: OperatorParts) => Promise<readonly string[]>>> = {
  node: nodeIds,
  worker: nodeIds,
  id: async (parts) => (await Promise.all([nodeIds(parts), directorIds(parts)])).flat(),
  director: directorIds,
  assignment: async ({ agents, timeoutMs }) => {
    return (await agents.listAgents({}, { timeoutMs })).agents.map(({ name }) => name);
  },
  policy: async ({ operator, timeoutMs }) => (await operator.getBalancing({}, { timeoutMs })).available,
  "Service/Method": services,
  method: services,
  service: services,
  state: () => Promise.resolve([...MEMBER_STATES, ...CONDITIONS]),
  kind: () => Promise.resolve(EVENT_KINDS),
};

/** Values of an argument, most of them the cluster's. None where nobody answers: a completion has nobody to tell. */
export async function valuesOf(parts: OperatorParts, argument: string): Promise<readonly string[]> {
  try {
    return (await VALUES[argument]?.(parts)) ?? [];
  } catch {
    return [];
  }
}

async function nodeIds({ operator, timeoutMs }: OperatorParts): Promise<readonly string[]> {
  return (await operator.listMembers({}, { timeoutMs })).members.map(({ memberId }) => memberId);
}

async function directorIds({ operator, timeoutMs }: OperatorParts): Promise<readonly string[]> {
  return (await operator.getTopology({}, { timeoutMs })).directors.map(({ directorId }) => directorId);
}

async function services({ operator, timeoutMs }: OperatorParts): Promise<readonly string[]> {
  const { members } = await operator.listMembers({}, { timeoutMs });
  return [...new Set(members.flatMap((member) => member.services))].sort();
}
