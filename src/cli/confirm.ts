import { printable } from "./printable";
import { CommandError, EXIT, type Terminal } from "./terminal";

/**
 * Asks whether to do what cannot be undone. Where nobody sits at a terminal nothing is done, unless the command line says yes.
 * @throws CommandError unless it is to be done
 */
export async function confirm(
  terminal: Terminal,
  deed: string,
  { yes, command }: { readonly yes: boolean; readonly command: string },
): Promise<void> {
  if (yes) return;
  if (!terminal.ask) {
    const message = `${deed}: nobody is there to be asked, for this is no terminal`;
    throw new CommandError(EXIT.usage, message, `${command} --yes`);
  }
  const answer = await terminal.ask(`${printable(deed)}. Go on? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError(EXIT.failed, "nothing was done", `${command} --yes`);
}
