import { packageVersion } from "../api/package-version";
import type { SettingsTable } from "../config/setting";

/** A program that takes its settings from the environment alone. */
export interface EnvironmentOnlyProgram {
  readonly name: string;
  readonly summary: string;
  readonly settings: SettingsTable;
  /** Resolves to the exit code. */
  run(): Promise<number>;
}

/**
 * Runs the program, or answers `--help` and `--version`. Any other argument is refused: it would be ignored, and the program
 * would run with settings that nobody chose.
 */
export async function runEnvironmentOnly(program: EnvironmentOnlyProgram, args: readonly string[]): Promise<number> {
  const [first] = args;
  if (first === undefined) return await program.run();
  if (first === "--version" || first === "-V") {
    process.stdout.write(`${packageVersion()}\n`);
    return 0;
  }
  if (first === "--help" || first === "-h") {
    process.stdout.write(helpOf(program));
    return 0;
  }
  process.stderr.write(
    `${program.name} takes its settings from the environment, not "${first}": see ${program.name} --help, or use heddle\n`,
  );
  return 2;
}

function helpOf({ name, summary, settings }: EnvironmentOnlyProgram): string {
  const variables = Object.values(settings).map(({ name: variable, doc, defaultText }) => {
    const [sentence] = doc.split(/(?<=\.)\s/);
    return `  ${variable} [${defaultText}]\n      ${sentence}\n`;
  });
  return `${name}: ${summary}\n\nEnvironment variables:\n${variables.join("")}`;
}
