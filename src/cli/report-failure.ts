import { ConfigError } from "../config/config-error";
import { FabricError } from "../core/errors";
import { Status } from "../core/status";
import { CommandError, EXIT, paint, type Terminal } from "./terminal";

/** How a command ends that failed, in words and with its exit code. */
export function reportFailure(terminal: Terminal, error: unknown): number {
  const { exitCode, message, next } = error instanceof CommandError ? error : commandErrorOf(error);
  terminal.err(`${paint(terminal, "red", "error:")} ${message}`);
  terminal.err(`Try: ${next}`);
  return exitCode;
}

function commandErrorOf(error: unknown): CommandError {
  if (error instanceof ConfigError)
    return new CommandError(EXIT.usage, error.message, "docs/configuration.md, which has every setting");
  if (!(error instanceof FabricError)) throw error;
  const { code, status, message } = error;
  const ask = "heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)";
  if (code === "DIRECTOR_UNREACHABLE") return new CommandError(EXIT.failed, message, ask);
  if (status === Status.DEADLINE_EXCEEDED) return new CommandError(EXIT.timeout, message, ask);
  if (status === Status.NOT_FOUND) return new CommandError(EXIT.notFound, message, "heddle nodes ls");
  if (status === Status.INVALID_ARGUMENT) return new CommandError(EXIT.usage, message, "heddle nodes --help");
  if (status === Status.UNAUTHENTICATED || status === Status.PERMISSION_DENIED) {
    return new CommandError(EXIT.denied, message, "the same with a certificate that the director takes (HEDDLE_TLS_*)");
  }
  return new CommandError(EXIT.failed, message, "the same again, or heddle nodes ls");
}
