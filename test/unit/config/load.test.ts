import { ConfigError } from "../../../src/config/config-error";
import { choice, durationMs, flag, integer, path, text } from "../../../src/config/kinds";
import { load } from "../../../src/config/load";
import { tags } from "../../../src/config/tags-kind";

const TABLE = {
  intervalMs: durationMs("HEDDLE_INTERVAL_MS", { default: 1_000, min: 50, max: 60_000, doc: "How often." }),
  attemptsMax: integer("HEDDLE_ATTEMPTS", { default: 3, min: 1, max: 10, doc: "How many." }),
  mode: choice("HEDDLE_MODE", { default: "auto", words: ["auto", "direct"], doc: "How." }),
  label: text("LABEL", { default: "a", aliases: [{ name: "OLD_LABEL" }, { name: "OLDER_LABEL" }], doc: "Who." }),
  enabled: flag("ENABLED", { default: false, doc: "Whether." }),
  file: path("FILE", { default: "", doc: "Where." }),
  tags: tags("TAGS", { default: {}, doc: "Which." }),
};

function mistakesOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    return (error as ConfigError).mistakes;
  }
  return [];
}

describe("Configuration", () => {
  it("takes an option before a variable, and a variable before the default", () => {
    const env = { HEDDLE_INTERVAL_MS: "200", HEDDLE_ATTEMPTS: "5" };
    expect(load(TABLE, env, { intervalMs: 300 })).toMatchObject({ intervalMs: 300, attemptsMax: 5, mode: "auto" });
  });

  it("takes an empty variable, and an option of undefined, for unset", () => {
    expect(load(TABLE, { HEDDLE_INTERVAL_MS: " " }, { attemptsMax: undefined })).toMatchObject({
      intervalMs: 1_000,
      attemptsMax: 3,
    });
  });

  it("reads aliases in their order, after the setting's own name", () => {
    expect(load(TABLE, { OLDER_LABEL: "c", OLD_LABEL: "b", LABEL: "a2" }).label).toBe("a2");
    expect(load(TABLE, { OLDER_LABEL: "c", OLD_LABEL: "b" }).label).toBe("b");
    expect(load(TABLE, { OLDER_LABEL: "c", LABEL: "" }).label).toBe("c");
  });

  it("lists every mistake at once, each with name, value and what is right", () => {
    const env = { HEDDLE_INTERVAL_MS: "5s", HEDDLE_ATTEMPTS: "0", HEDDLE_MODE: "fast", ENABLED: "perhaps" };
    expect(mistakesOf(() => load(TABLE, env, { file: "a\u0000b" }))).toEqual([
      'HEDDLE_INTERVAL_MS is "5s": must be a whole number of milliseconds from 50 to 60,000',
      'HEDDLE_ATTEMPTS is "0": must be a whole number from 1 to 10',
      'HEDDLE_MODE is "fast": must be one of auto, direct',
      'ENABLED is "perhaps": must be true or false (also 1 or 0, yes or no, on or off)',
      'option file is "a\\u0000b": must be a path of 1 to 4,096 characters',
    ]);
  });

  it("names the alias that is wrong", () => {
    expect(mistakesOf(() => load(TABLE, { OLD_LABEL: "a\tb" }))).toEqual([
      'OLD_LABEL is "a\\tb": must be one line of 1 to 256 characters',
    ]);
  });

  it("refuses a HEDDLE_ variable that does not exist, and suggests the nearest", () => {
    expect(
      mistakesOf(() => load(TABLE, { HEDDLE_INTERVALL_MS: "200", HEDDLE_ZEBRA_CROSSING: "1", PATH: "/bin" })),
    ).toEqual([
      "HEDDLE_INTERVALL_MS is not a setting; did you mean HEDDLE_INTERVAL_MS?",
      "HEDDLE_ZEBRA_CROSSING is not a setting",
    ]);
  });

  it("leaves alone the variables of other roles and of the test suite", () => {
    const known = new Set(["HEDDLE_OTHER"]);
    expect(mistakesOf(() => load(TABLE, { HEDDLE_OTHER: "1", HEDDLE_TEST_ETCD: "1" }, {}, { known }))).toEqual([]);
  });

  it("refuses an option that does not exist", () => {
    expect(mistakesOf(() => load(TABLE, {}, { interval: 5 } as object))).toEqual([
      "option interval does not exist; did you mean intervalMs?",
    ]);
  });

  it("asks how settings go together only when each is right by itself", () => {
    const check = () => ["the two do not go together"];
    expect(mistakesOf(() => load(TABLE, {}, {}, { check }))).toEqual(["the two do not go together"]);
    expect(mistakesOf(() => load(TABLE, { ENABLED: "x" }, {}, { check }))).toHaveLength(1);
  });

  it("cannot be changed afterwards, not even through the object an option came in", () => {
    const given = { gpu: "true" };
    const config = load(TABLE, {}, { tags: given });
    given.gpu = "false";
    expect(config.tags).toEqual({ gpu: "true" });
    expect(Object.isFrozen(config) && Object.isFrozen(config.tags)).toBe(true);
  });

  it("puts its mistakes into one readable message", () => {
    expect(new ConfigError(["a", "b"]).message).toBe("the configuration has 2 mistakes:\n- a\n- b");
  });
});
