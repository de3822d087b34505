/**
 * Fails when the contract breaks what its users rely on (buf, category FILE). A branch is compared with the commit at which
 * it left main; main itself with the last release, for until then nobody relies on it.
 */
import { spawnSync } from "node:child_process";

const base = comparisonBase();
if ("skip" in base) {
  console.log(`buf breaking skipped: ${base.skip}`);
} else {
  const buf = spawnSync("node_modules/.bin/buf", ["breaking", "--against", `.git#ref=${base.ref}`], {
    stdio: "inherit",
  });
  if (buf.status !== 0) {
    console.error(`The contract breaks its users (compared with ${base.ref}). Add fields instead of changing them.`);
    process.exitCode = 1;
  }
}

function comparisonBase(): { readonly ref: string } | { readonly skip: string } {
  if (git("rev-parse", "--git-dir") === undefined) return { skip: "not a git repository" };
  const head = git("rev-parse", "HEAD");
  const main = ["origin/main", "main"].find((name) => git("rev-parse", "--verify", "--quiet", name) !== undefined);
  const fork = main === undefined ? undefined : git("merge-base", "HEAD", main);
  const ref = fork === undefined || fork === head ? git("describe", "--tags", "--abbrev=0", "--match", "v*") : fork;
  if (ref === undefined) return { skip: "there is neither an earlier main nor a release to compare with" };
  if (git("ls-tree", "--name-only", ref, "buf.yaml") !== "buf.yaml") return { skip: `${ref} has no contract yet` };
  return { ref };
}

/** Undefined when git fails, or is not there. */
function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync("git", args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
