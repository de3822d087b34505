/** The configuration cannot be used. Lists every mistake, so that one start is enough to find them all. */
export class ConfigError extends Error {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(
      `the configuration has ${mistakes.length} mistake${mistakes.length === 1 ? "" : "s"}:\n- ${mistakes.join("\n- ")}`,
    );
    this.name = "ConfigError";
    this.mistakes = mistakes;
  }
}
