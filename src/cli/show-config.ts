import { ConfigError } from "../config/config-error";
import { loadClientConfig, loadDirectorConfig, loadWorkerConfig, SETTINGS_TABLES } from "../config/roles";
import type { Environment, Setting } from "../config/setting";
import { masked } from "./mask-secrets";
import { printTable, type Column } from "./table";
import { EXIT, type Terminal } from "./terminal";

export type RoleName = keyof typeof SETTINGS_TABLES;
export const ROLE_NAMES = Object.keys(SETTINGS_TABLES) as RoleName[];

/** A setting as it counts. */
export interface EffectiveSetting {
  readonly variable: string;
  readonly option: string;
  readonly value: string;
  /** The variable that sets it, an alias perhaps, or "default". */
  readonly source: string;
}

const LOAD: Readonly<Record<RoleName, (env: Environment) => Readonly<Record<string, unknown>>>> = {
  director: loadDirectorConfig,
  worker: loadWorkerConfig,
  client: loadClientConfig,
};

/** The settings that a role would run with in this environment, secrets masked. @throws ConfigError */
export function effectiveSettings(role: RoleName, env: Environment): EffectiveSetting[] {
  const config = LOAD[role](env);
  return Object.entries(SETTINGS_TABLES[role] as Readonly<Record<string, Setting<unknown>>>).map(
    ([option, { name, aliases, defaultText }]) => {
      const from = [name, ...aliases.map((alias) => alias.name)].find((each) => (env[each] ?? "").trim() !== "");
      const value = config[option];
      const text = typeof value === "string" ? value : JSON.stringify(value);
      const shown = text === "" ? `(${defaultText})` : text;
      return { variable: name, option, value: masked(name, shown), source: from ?? "default" };
    },
  );
}

/** `heddle config`. Needs no director. */
export function showConfig(
  { terminal, env }: { readonly terminal: Terminal; readonly env: Environment },
  { role, json, changedOnly }: { readonly role: RoleName; readonly json: boolean; readonly changedOnly: boolean },
): number {
  let settings: EffectiveSetting[];
  try {
    settings = effectiveSettings(role, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.err(error.message);
    terminal.err("Try: docs/configuration.md, which has every setting");
    return EXIT.usage;
  }
  const shown = changedOnly ? settings.filter(({ source }) => source !== "default") : settings;
  if (json) terminal.out(JSON.stringify(shown, undefined, 2));
  else if (shown.length === 0) terminal.out("every setting is at its default");
  else printTable(terminal, COLUMNS, shown);
  return EXIT.ok;
}

const COLUMNS: readonly Column<EffectiveSetting>[] = [
  { title: "SETTING", cell: ({ variable }) => variable },
  { title: "FROM", cell: ({ source }) => source },
  { title: "VALUE", cell: ({ value }) => value },
];
