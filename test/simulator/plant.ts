import { readFileSync } from "node:fs";
import Module from "node:module";
import { join } from "node:path";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import type { Mutant } from "./mutants";
import { REPOSITORY } from "./repository";

type Loader = (module: { _compile(code: string, filename: string): void }, filename: string) => void;

/**
 * The file with the bug in it.
 * @throws Error when what is to be replaced is not there exactly once: the code has changed, so the mutant must too
 */
export function planted({ name, file, edits }: Mutant): string {
  let text = readFileSync(join(REPOSITORY, file), "utf8");
  for (const [what, by] of edits) {
    const found = text.split(what).length - 1;
    if (found !== 1) throw new Error(`mutant ${name}: ${file} has this ${found} times, and not once:\n${what}`);
    text = text.replace(what, () => by);
  }
  return text;
}

/** The same as JavaScript. */
export function transpiled(mutant: Mutant): string {
  const { outputText, diagnostics } = transpileModule(planted(mutant), {
    reportDiagnostics: true,
    compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2023, esModuleInterop: true },
  });
  const [mistake] = diagnostics ?? [];
  if (mistake) throw new Error(`mutant ${mutant.name}: ${JSON.stringify(mistake.messageText)}`);
  return outputText;
}

/** Plants the bug in this process, which runs what was built: whoever loads the file from now on gets it. */
export function plant(mutant: Mutant): void {
  const code = transpiled(mutant);
  const target = join(REPOSITORY, "dist", mutant.file.replace(/\.ts$/, ".js"));
  const extensions = (Module as unknown as { _extensions: Record<string, Loader> })._extensions;
  const load = extensions[".js"]!;
  extensions[".js"] = (module, filename) => {
    if (filename === target) module._compile(code, filename);
    else load(module, filename);
  };
}
