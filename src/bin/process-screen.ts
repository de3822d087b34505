import { writeSync } from "node:fs";
import type { Screen } from "../cli/screen";
import { keysOf } from "../cli/keys";
import { ansiLine } from "../cli/styled-text";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
/** Wrapping and cursor on, colours off, back to what was there before. */
const LEAVE = "\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l";
const CLEAR = "\u001b[2J";
const HOME = "\u001b[H";
/** Before the text: after a line as wide as the screen it would clear that line's last column. */
const CLEAR_LINE = "\u001b[K";
/** DEC 2026: terminals that know it show a frame at once; others ignore it. */
const [FRAME_BEGINS, FRAME_ENDS] = ["\u001b[?2026h", "\u001b[?2026l"];

/** The process's terminal, or undefined where its input or output is none. Given back also when the process ends by itself. */
export function openScreen(coloured: boolean): Screen | undefined {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY || process.env["TERM"] === "dumb") return undefined;
  let closed = false;
  /** Undefined: nothing that is on the screen is known. */
  let drawn: readonly string[] | undefined;
  let pressed: (key: string) => void = () => {};
  let resized: () => void = () => {};
  const read = (text: string) => keysOf(text).forEach((key) => pressed(key));
  const redraw = () => {
    drawn = undefined;
    resized();
  };
  const close = () => {
    if (closed) return;
    closed = true;
    process.off("exit", close);
    process.off("uncaughtExceptionMonitor", close);
    stdin.off("data", read);
    stdout.off("resize", redraw);
    process.off("SIGCONT", again);
    stdin.setRawMode(false);
    stdin.pause();
    leave(stdout.fd);
  };
  /** After Ctrl-Z and fg the shell has set the terminal as it likes it. */
  const again = () => {
    stdin.setRawMode(true);
    stdout.write(ENTER);
    redraw();
  };
  // Whatever ends the process passes here: exit(), a second signal, and before its stack is printed an error that nobody caught.
  process.on("exit", close);
  process.on("uncaughtExceptionMonitor", close);
  process.on("SIGCONT", again);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8").on("data", read);
  stdout.on("resize", redraw);
  stdout.write(ENTER);
  return {
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    draw: (lines) => {
      if (closed) return;
      const next = lines.map((line) => ansiLine(line, coloured));
      const changes = next.map((line, index) =>
        line === drawn?.[index] ? "" : `\u001b[${index + 1};1H${CLEAR_LINE}${line}`,
      );
      stdout.write(`${FRAME_BEGINS}${drawn ? "" : CLEAR}${changes.join("")}${HOME}${FRAME_ENDS}`);
      drawn = next;
    },
    onKey: (listener) => (pressed = listener),
    onResize: (listener) => (resized = listener),
    close,
  };
}

/** At once: what waits in a stream's buffer is lost when the process ends. */
function leave(fd: number): void {
  try {
    writeSync(fd, LEAVE);
  } catch {
    // The terminal is gone, or does not take more now; nothing can be restored there.
  }
}
