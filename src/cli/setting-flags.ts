import type { Command } from "commander";

import type { Environment, SettingsTable } from "../config/setting";

/** "listenAddress" → "--listen-address". */
function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Adds a flag for every setting of a table: the same settings, the same texts, the same checks as the variables. */
export function addSettingFlags(command: Command, table: SettingsTable): Command {
  for (const [key, setting] of Object.entries(table)) {
    const [summary] = setting.doc.split(/(?<=\.)\s/);
    command.option(`${flagOf(key)} <value>`, `${summary} [${setting.name}; ${setting.defaultText}]`);
  }
  return command;
}

/** The environment with the given flags laid over it, so that flags win over variables. */
export function withFlags(
  env: Environment,
  table: SettingsTable,
  flags: Readonly<Record<string, unknown>>,
): Environment {
  const overlaid: Record<string, string | undefined> = { ...env };
  for (const [key, setting] of Object.entries(table)) {
    const value = flags[key];
    if (typeof value === "string") overlaid[setting.name] = value;
  }
  return overlaid;
}
