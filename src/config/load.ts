import { ConfigError } from "./config-error";
import { nearestName } from "../core/nearest-name";
import type { Config, Environment, Options, Setting, SettingsTable } from "./setting";

/** Variables of this prefix are ours, so one that we do not know is a typing mistake. */
const OWN_PREFIX = "HEDDLE_";
/** Except these, which belong to the test suite and reach the processes that it starts. */
const TEST_PREFIX = "HEDDLE_TEST_";

export interface LoadRules<Table extends SettingsTable> {
  /** All variables that exist, of every role. Default: those of the table. */
  readonly known?: ReadonlySet<string>;
  /** Mistakes in how settings go together. Asked only when each by itself is right. */
  readonly check?: (config: Config<Table>) => readonly string[];
}

/**
 * Reads a table's settings: option, else environment, else default. An empty variable is an unset one.
 * The result is frozen and needs no further parsing or defaults.
 * @throws ConfigError with every mistake there is
 */
export function load<Table extends SettingsTable>(
  table: Table,
  env: Environment,
  options: Options<Table> = {},
  rules: LoadRules<Table> = {},
): Config<Table> {
  const mistakes: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) {
    const option = options[key];
    const read = option === undefined ? readVariable(setting, env) : readOption(key, setting, option);
    if ("mistake" in read) mistakes.push(read.mistake);
    else values[key] = Object.freeze(read.value);
  }
  mistakes.push(...unknownOptions(table, options), ...unknownVariables(env, rules.known ?? variableNames([table])));
  const config = Object.freeze(values) as Config<Table>;
  if (mistakes.length === 0 && rules.check) mistakes.push(...rules.check(config));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** Every variable that the tables read, aliases included. */
export function variableNames(tables: readonly SettingsTable[]): ReadonlySet<string> {
  const settings = tables.flatMap((table) => Object.values(table));
  return new Set(settings.flatMap(({ name, aliases }) => [name, ...aliases.map((alias) => alias.name)]));
}

type Read = { readonly value: unknown } | { readonly mistake: string };

function readVariable(setting: Setting<unknown>, env: Environment): Read {
  for (const { name, adapt } of [{ name: setting.name, adapt: undefined }, ...setting.aliases]) {
    const given = env[name]?.trim() ?? "";
    const text = given === "" || !adapt ? given : (adapt(given) ?? "");
    if (text === "") continue;
    const value = setting.read(text);
    if (value === undefined || !setting.isValid(value)) {
      return { mistake: `${name} is ${shorten(given)}: must be ${setting.accepts}` };
    }
    return { value };
  }
  return { value: setting.defaultValue };
}

function readOption(key: string, setting: Setting<unknown>, value: unknown): Read {
  if (setting.isValid(value)) return { value: structuredClone(value) };
  return { mistake: `option ${key} is ${shorten(value)}: must be ${setting.accepts}` };
}

function unknownOptions(table: SettingsTable, options: object): string[] {
  const names = Object.keys(table);
  return Object.keys(options)
    .filter((key) => !names.includes(key))
    .map((key) => `option ${key} does not exist${suggestion(key, names)}`);
}

function unknownVariables(env: Environment, known: ReadonlySet<string>): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(OWN_PREFIX) && !name.startsWith(TEST_PREFIX) && !known.has(name))
    .filter((name) => (env[name] ?? "").trim() !== "")
    .map((name) => `${name} is not a setting${suggestion(name, known)}`);
}

function suggestion(given: string, names: Iterable<string>): string {
  const nearest = nearestName(given, names);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}

function shorten(value: unknown): string {
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown;
}
