import { runSeeds } from "./seed-processes";
import { transpiled } from "./plant";
import { MUTANTS } from "./mutants";

/** What one process of the simulator says of one seed. */
async function said(seed: number, ...options: string[]) {
  let history = "";
  let caughtBy: readonly string[] = [];
  await runSeeds(["--first", `${seed}`, ...options], ({ historyHash, violations }) => {
    history = historyHash;
    caughtBy = violations.map(({ invariant }) => invariant);
    return true;
  });
  return { history, caughtBy };
}

describe("A process of the simulator", () => {
  it("gives the same history of a seed as another, to the byte", async () => {
    const [first, second] = await Promise.all([said(3), said(3)]);
    expect(first.history).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toEqual(first);
  }, 60_000);
});

describe("A planted bug", () => {
  it.each(MUTANTS)("$name can be planted: the code that it changes is still there", (mutant) => {
    expect(transpiled(mutant)).not.toBe("");
  });

  it.each([
    ["leader-key-unconditional", "one-leader"],
    ["worker-counter-kept", "counters-return"],
    ["client-keeps-who-left", "no-call-to-the-unfit"],
  ])(
    "%s is found, by %s",
    async (mutant, invariant) => {
      expect((await said(1, "--mutant", mutant)).caughtBy).toContain(invariant);
    },
    60_000,
  );
});
