import type { Command } from "commander";

import { EXAMPLES, type Example } from "../test/support/cli/examples";
import { programForTests, runCommand } from "../test/support/cli/run-command";

/** Their flags are the settings, which have a page of their own. */
const ROLES: readonly string[] = ["director", "worker", "client", "attach"];

/** docs/cli.md: every command with its help and, of the sample cluster of the tests, what it prints. */
export async function cliPage(): Promise<string> {
  const commands = leavesOf(programForTests(), []);
  const rows = commands.map(({ path, command }) => {
    return `| [\`heddle ${usageOf(path, command)}\`](#${anchorOf(path)}) | ${cell(command.description())} |`;
  });
  const sections: string[] = [];
  for (const { path, command } of commands) sections.push(await sectionOf(path, command));
  return `${INTRO}
## Commands

| command | what it does |
| --- | --- |
${rows.join("\n")}

${sections.join("\n")}`;
}

interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
}

/** The commands that do something, in the order of the help. */
export function leavesOf(command: Command, path: readonly string[]): Leaf[] {
  const inner = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help")
    .flatMap((each) => leavesOf(each, [...path, each.name()]));
  // Of those that only group others there is nothing to say; \`leader\` does something by itself, too.
  const doesSomething = path.length > 0 && (inner.length === 0 || command.options.length > 0);
  return doesSomething ? [{ path, command }, ...inner] : inner;
}

function usageOf(path: readonly string[], command: Command): string {
  const names = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [...path, ...names].join(" ");
}

function anchorOf(path: readonly string[]): string {
  return `heddle-${path.join("-")}`;
}

async function sectionOf(path: readonly string[], command: Command): Promise<string> {
  const isRole = path.length === 1 && ROLES.includes(path[0]!);
  const role = path[0] === "attach" ? "worker" : path[0]!;
  const body = isRole
    ? `${command.description()}\n\nEvery setting of [configuration.md](configuration.md#${role}) is a flag; \`heddle ${path.join(" ")} --help\` lists them.\n`
    : block("", await helpOf(path));
  const examples = EXAMPLES.filter(({ args }) => isOf(args, path));
  const shown: string[] = [];
  for (const example of examples) shown.push(await exampleOf(example));
  return `### heddle ${path.join(" ")}\n\n${[body, ...shown].join("\n")}`;
}

/** Whether these arguments run just that command. */
function isOf(args: readonly string[], path: readonly string[]): boolean {
  if (!path.every((word, index) => args[index] === word)) return false;
  return !(path.join(" ") === "leader" && args[1] === "transfer");
}

async function helpOf(path: readonly string[]): Promise<readonly string[]> {
  const [, ...lines] = await runCommand([...path, "--help"]);
  return lines;
}

async function exampleOf(example: Example): Promise<string> {
  const text = block("console", await printed(example, []));
  if (example.json === false) return text;
  const json = block("console", await printed(example, ["--json"]));
  return `${text}\n<details>\n<summary>As JSON</summary>\n\n${json}\n</details>\n`;
}

/** What it prints, as a person sees it: both streams, one after the other's lines. */
async function printed({ args, env, endless }: Example, more: readonly string[]): Promise<readonly string[]> {
  const all = [...args, ...more];
  const [, ...lines] = await runCommand(all, { ...(env ? { env } : {}), ...(endless ? { endless } : {}) });
  return [`$ heddle ${all.join(" ")}`, ...lines.map((line) => line.replace(/^! ?/, ""))];
}

function block(language: string, lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.join("\n")}\n\`\`\`\n`;
}

/** A "|" would end the table's cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

const INTRO = `<!-- Printed from the commands by \`make fix-docs\`. Edit them, or the examples in test/support/cli, not this page. -->

# Command line

\`heddle\` runs the processes of a cluster and operates it. What operates it asks a director, whichever answers, by the same RPCs as every other
program; so it works from any machine that reaches one.

- **Whom to ask**: \`--directors host:port,host:port\`, else \`DIRECTOR_ADDR\`, else 127.0.0.1:61000. One is enough.
- **TLS**: \`HEDDLE_TLS_CA_FILE\` to trust the directors, \`HEDDLE_TLS_CERT_FILE\` and \`HEDDLE_TLS_KEY_FILE\` to be trusted
  ([configuration.md](configuration.md#client)). A \`HEDDLE_…\` variable that does not exist is refused.
- **Ids** may be cut short to a beginning that no other has: \`heddle nodes drain gp\`. \`heddle completion bash\` completes them from the cluster.
- **Results** go to standard output, everything else to standard error. Tables are as wide as the terminal at most: a narrow one leaves columns
  out. In a pipe they are whole. Colours only on a terminal, and not with \`NO_COLOR\`; whatever a colour says, a word says too.
- **\`--json\`** is for programs: keys stay as they are, new ones may come. One document, or one object a line from commands that go on
  (\`nodes drain\`, \`events tail\`). Times are Unix milliseconds.
- **Exit codes**: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 no answer in time (\`--timeout\`, 10 s unless you say otherwise),
  130 interrupted. Every error ends with what to try next.
- **What cannot be undone** asks first. Where nobody can be asked it is refused without \`--yes\`.

The examples are what the commands print of the cluster that the tests play (\`test/support/cli\`).
`;
