import { ConfigError } from "../config/config-error";
import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { printable, printableLines } from "./printable";
import { CommandError, EXIT, paint, type Terminal } from "./terminal";

/** What one more connection to a director found. */
export interface Finding {
  readonly address: string;
  readonly reason: string;
  /** It refuses who we are. */
  readonly denied: boolean;
}

/** How a command ends that failed: says so in words, names the next command to try, and gives the exit code. Other errors are bugs: thrown again. */
export function reportFailure(terminal: Terminal, error: unknown, findings: readonly Finding[] = []): number {
  const { exitCode, message, next } = commandErrorOf(error, findings);
  terminal.err(`${paint(terminal, "red", "error:")} ${printableLines(message)}`);
  for (const { address, reason } of findings) terminal.err(printable(`  ${address}: ${reason}`));
  terminal.err(`Try: ${printableLines(next)}`);
  return exitCode;
}

const ASK_ANOTHER = "heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)";

/** Whether no director could be asked, so that it is worth to find out why. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof FabricError && error.message.includes("[DIRECTOR_UNREACHABLE]");
}

function commandErrorOf(error: unknown, findings: readonly Finding[]): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof ConfigError) {
    return new CommandError(EXIT.usage, error.message, "heddle config client, which shows what is set");
  }
  if (!(error instanceof FabricError)) throw error;
  const { code, status, message } = error;
  if (findings.some(({ denied }) => denied)) return new CommandError(EXIT.denied, message, CERTIFICATE);
  if (code === "DIRECTOR_UNREACHABLE") return new CommandError(EXIT.failed, message, ASK_ANOTHER);
  const [exitCode, next] = ENDINGS.get(status) ?? [EXIT.failed, "the same again, or heddle status"];
  return new CommandError(exitCode, message, next);
}

const CERTIFICATE = "the same with a certificate that the director takes (HEDDLE_TLS_CERT_FILE, HEDDLE_TLS_KEY_FILE)";

const ENDINGS: ReadonlyMap<Status, readonly [exitCode: number, next: string]> = new Map([
  [Status.DEADLINE_EXCEEDED, [EXIT.timeout, "the same with a longer --timeout, or another director (--directors)"]],
  [Status.NOT_FOUND, [EXIT.notFound, "heddle status"]],
  [Status.INVALID_ARGUMENT, [EXIT.usage, "the same with --help"]],
  [Status.ALREADY_EXISTS, [EXIT.failed, "heddle assignments ls"]],
  [Status.FAILED_PRECONDITION, [EXIT.failed, "heddle directors ls"]],
  [Status.UNIMPLEMENTED, [EXIT.failed, "heddle directors ls: does a director have an older version?"]],
  [Status.UNAUTHENTICATED, [EXIT.denied, CERTIFICATE]],
  [Status.PERMISSION_DENIED, [EXIT.denied, CERTIFICATE]],
]);
