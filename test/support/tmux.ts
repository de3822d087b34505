import { execFileSync, spawnSync } from "node:child_process";
import { eventually } from "./processes";

export const HAS_TMUX = spawnSync("tmux", ["-V"]).status === 0;

let servers = 0;

export interface TmuxOptions {
  readonly columns: number;
  readonly rows: number;
  readonly cwd: string;
  /** The whole environment, but for PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
}

/** A terminal with a shell in it, in a server of its own that `close` ends. */
export class Tmux {
  readonly #server = `heddle-${process.pid}-${(servers += 1)}`;

  constructor({ columns, rows, cwd, env }: TmuxOptions) {
    const given = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", LANG: "C.UTF-8", ...env };
    const variables = Object.entries({ ...given, PS1: "$ " }).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const size = ["-x", String(columns), "-y", String(rows)];
    this.#run("-f", "/dev/null", "-u", "new-session", "-d", "-c", cwd, ...size, ...variables, "env -u ENV sh");
  }

  /** Types a line and enters it. */
  enter(line: string): void {
    this.#run("send-keys", "-l", line);
    this.#run("send-keys", "Enter");
  }

  /** Keys by tmux's names: "Down", "Enter", "C-c", or characters. */
  press(...keys: string[]): void {
    this.#run("send-keys", ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#run("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** The lines on the screen. */
  get lines(): readonly string[] {
    return this.#run("capture-pane", "-p").replace(/\n$/, "").split("\n");
  }

  get text(): string {
    return this.lines.join("\n");
  }

  /** Resolves to the screen when it matches all of these. */
  async shows(...patterns: RegExp[]): Promise<string> {
    let text = "";
    await eventually(
      () => `the screen shows ${patterns.filter((pattern) => !pattern.test(text)).join(" and ")}, but it is:\n${text}`,
      () => {
        text = this.text;
        return patterns.every((pattern) => pattern.test(text));
      },
      { everyMs: 100 },
    );
    return text;
  }

  close(): void {
    spawnSync("tmux", ["-L", this.#server, "kill-server"]);
  }

  #run(...args: string[]): string {
    return execFileSync("tmux", ["-L", this.#server, ...args], { encoding: "utf8" });
  }
}
