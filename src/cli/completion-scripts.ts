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
