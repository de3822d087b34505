import type { Command } from "commander";

import type { ClientMode } from "../client/fabric-client";
import { clientSettings } from "../config/client-settings";
import type { Environment } from "../config/setting";
import { parseDuration } from "./duration";
import { ANSWER_TIMEOUT_MS, type OperatorParts } from "./operator";
import { withFlags } from "./setting-flags";

/** What a process gives a command; how long it may wait is the command line's to say. */
export type ProcessParts = Omit<OperatorParts, "timeoutMs">;

/** Runs `action` with what it needs to ask the cluster. Resolves to the exit code; whatever fails is reported. */
export type Operate = (
  env: Environment,
  action: (parts: ProcessParts) => Promise<number>,
  options?: OperateOptions,
) => Promise<number>;

export interface OperateOptions {
  /** How `fabric` makes its calls, whatever the settings say. Default: through a director, as all that is asked of one. */
  readonly mode?: ClientMode;
}

/** Flags that every command of an operator has. */
export interface OperatorFlags {
  readonly [key: string]: unknown;
  readonly json?: true;
  readonly timeout?: string;
}

export interface OperatorCommandsParts {
  readonly operate: Operate;
  readonly env: Environment;
  /** Ends the process. */
  readonly done: (code: number) => void;
}

/** Makes commands that ask something of the cluster: what they share is here, so that all of them have it. */
export class OperatorCommands {
  readonly env: Environment;
  readonly done: (code: number) => void;
  readonly #operate: Operate;

  constructor({ operate, env, done }: OperatorCommandsParts) {
    this.#operate = operate;
    this.env = env;
    this.done = done;
  }

  /** A command with the flags that all have. Add its own, and an action that calls `run`. */
  add(parent: Command, usage: string, description: string): Command {
    return parent
      .command(usage)
      .description(description)
      .option("--directors <addresses>", `Whom to ask. [${clientSettings.directors.name}]`)
      .option("--timeout <duration>", "Longest wait for an answer, such as 500ms or 10s. Default: 10s.")
      .option("--json", "Print JSON, for programs.");
  }

  /** Carries out a command's action, and ends the process with its exit code. */
  async run(
    command: Command,
    flags: OperatorFlags,
    action: (parts: OperatorParts) => Promise<number>,
    options: OperateOptions = {},
  ): Promise<void> {
    const timeoutMs = flags.timeout === undefined ? ANSWER_TIMEOUT_MS : durationOf(command, "--timeout", flags.timeout);
    const settings = withFlags(this.env, { directors: clientSettings.directors }, flags);
    this.done(await this.#operate(settings, (parts) => action({ ...parts, timeoutMs }), options));
  }
}

/** The duration that a flag gives, in milliseconds, at least 1; else the command ends, with what was wrong. */
export function durationOf(command: Command, flag: string, text: string, or = ""): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined || durationMs === 0) {
    command.error(`error: ${flag} is "${text}": use a duration such as 90s, 30m or 1h30m${or}`);
  }
  return durationMs;
}

export const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 no answer in time, 130 interrupted.`;
