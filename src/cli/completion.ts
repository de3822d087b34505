import type { Command } from "commander";

import { EVENT_KINDS, MEMBER_STATES } from "../wire/member-codec";
import { CONDITIONS } from "./node-facts";
import type { OperatorParts } from "./operator";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that the scripts ask: `heddle completion-words -- <words before the cursor's> <the cursor's>`. */
export const WORDS_COMMAND = "completion-words";

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of heddle in bash. Now: source <(heddle completion bash)
# For ever: heddle completion bash > ~/.local/share/bash-completion/completions/heddle
_heddle() {
  local line="\${COMP_LINE:0:COMP_POINT}" word prefix=""
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local current="\${words[\${#words[@]} - 1]}"
  # For bash a colon ends a word: what is before the last one stands there already.
  [[ $current == *:* ]] && prefix="\${current%"\${current##*:}"}"
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("\${word#"$prefix"}")
  done < <("\${words[0]}" ${WORDS_COMMAND} -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _heddle heddle`,
  zsh: `#compdef heddle
# Completion of heddle in zsh. Now: source <(heddle completion zsh)
# For ever: heddle completion zsh > "\${fpath[1]}/_heddle"
_heddle() {
  local -a candidates
  candidates=("\${(@f)$(heddle ${WORDS_COMMAND} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
if [ "$funcstack[1]" = "_heddle" ]; then _heddle "$@"; else compdef _heddle heddle; fi`,
  fish: `# Completion of heddle in fish. Now: heddle completion fish | source
# For ever: heddle completion fish > ~/.config/fish/completions/heddle.fish
function __heddle_words
  set -l words (commandline -opc) (commandline -ct)
  heddle ${WORDS_COMMAND} -- $words[2..-1] 2>/dev/null
end
complete -c heddle -f -a '(__heddle_words)'`,
};

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

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
