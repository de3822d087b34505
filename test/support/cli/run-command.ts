import { reportFailure } from "../../../src/cli/report-failure";
import { heddleProgram, type Roles } from "../../../src/cli/program";
import type { Environment } from "../../../src/config/setting";
import type { Command } from "commander";
import { Lines } from "./lines";
import { sampleCluster, type SampleCluster } from "./sample-cluster";

export interface RunOptions {
  readonly cluster?: SampleCluster;
  readonly terminal?: Lines;
  readonly env?: Environment;
  /** The command goes on until Ctrl-C, which comes when it has had time to say what there is. */
  readonly endless?: true;
}

/** Of the sample's clock, until Ctrl-C. */
const ENDLESS_MS = 1_000;

/** Ends what commander goes on with. */
class Ended extends Error {}

/** `heddle` with these arguments, as a person would run it, with a director that a test plays. Gives the exit code and all lines. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions = {},
): Promise<readonly [code: number | undefined, ...lines: string[]]> {
  const { terminal = new Lines(), env = { USER: "ann" }, cluster = sampleCluster() } = options;
  let code: number | undefined;
  const end = (exitCode: number) => {
    code ??= exitCode;
    throw new Ended();
  };
  const interrupt = new AbortController();
  const program = testProgram({ terminal, env, cluster, interrupted: interrupt.signal, end });
  const running = program.parseAsync([...args], { from: "user" }).catch((error: unknown) => {
    if (!(error instanceof Ended)) throw error;
  });
  let over = false;
  void running.finally(() => (over = true)).catch(() => {});
  if (options.endless) {
    await cluster.clock.advance(ENDLESS_MS);
    interrupt.abort();
  }
  // What a command waits for at the clock passes by itself.
  while (!over) await cluster.clock.advance(100, () => over);
  await running;
  return [code, ...terminal.lines];
}

/** The program itself, for who wants to know what commands there are. */
export function programForTests(): Command {
  const { signal: interrupted } = new AbortController();
  return testProgram({ terminal: new Lines(), env: {}, cluster: sampleCluster(), interrupted, end: () => {} });
}

/** Columns of help texts. */
const HELP_WIDTH = 110;

interface ProgramParts {
  readonly terminal: Lines;
  readonly env: Environment;
  readonly cluster: SampleCluster;
  readonly interrupted: AbortSignal;
  readonly end: (code: number) => void;
}

function testProgram({ terminal, env, cluster, interrupted, end }: ProgramParts): Command {
  const roles = {
    terminal,
    operate: async (_env, action) => {
      const parts = { ...cluster, terminal, interrupted, fabric: undefined as never };
      return await action(parts).catch((error: unknown) => reportFailure(terminal, error));
    },
  } as Partial<Roles> as Roles;
  const program = heddleProgram(roles, env, "0.1.0", end);
  const writeOut = (text: string) => terminal.out(text.trimEnd());
  const writeErr = (text: string) => terminal.err(text.trimEnd());
  const quieten = (command: Command) => {
    command.configureOutput({
      writeOut,
      writeErr,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
    command.commands.forEach(quieten);
  };
  quieten(program);
  return program;
}
