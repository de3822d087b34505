import type { FabricError } from "../../core/errors";
import { Status, type Status as StatusCode } from "../../core/status";
import type { CallMetadata } from "../../core/call-metadata";
import { errorDetails, STATUS_DETAILS_KEY } from "../../wire/error-details";
import { printable } from "../printable";
import { EXIT, paint, type Terminal } from "../terminal";
import type { CallMethod } from "./contract";
import { explainCommand, type CallSelectors } from "./selectors";

const EXIT_BY_STATUS: ReadonlyMap<StatusCode, number> = new Map<StatusCode, number>([
  [Status.NOT_FOUND, EXIT.notFound],
  [Status.PERMISSION_DENIED, EXIT.denied],
  [Status.UNAUTHENTICATED, EXIT.denied],
  [Status.DEADLINE_EXCEEDED, EXIT.timeout],
]);

/** How a call failed: status, message, details, and the command to try next. Resolves to the exit code. */
export function reportCallFailure(
  terminal: Terminal,
  method: CallMethod,
  selectors: CallSelectors,
  error: FabricError,
  trailers: CallMetadata | undefined,
): number {
  const { code, statusName, status, message } = error;
  // A worker's own words need no code of ours before them.
  const text = code === "REMOTE" || code === "HANDLER_FAILED" ? message.replace(/^\[\w+\] /, "") : message;
  terminal.err(`${paint(terminal, "red", `${statusName}:`)} ${text.split("\n").map(printable).join("\n  ")}`);
  const serialized = trailers?.bytes(STATUS_DETAILS_KEY);
  for (const detail of serialized ? errorDetails(serialized, method.json.registry) : []) {
    terminal.err(`  ${JSON.stringify(detail)}`);
  }
  terminal.err(`Try: ${nextCommand(method, selectors, error)}`);
  return EXIT_BY_STATUS.get(status) ?? EXIT.failed;
}

function nextCommand({ service, name }: CallMethod, selectors: CallSelectors, { code, status }: FabricError): string {
  const method = `${service}/${name}`;
  if (code === "DIRECTOR_UNREACHABLE")
    return "heddle director, or name one that runs: --directors host:port (DIRECTOR_ADDR)";
  if (status === Status.UNAUTHENTICATED || status === Status.PERMISSION_DENIED) {
    return "the same with what the worker asks for, such as --metadata 'authorization:Bearer …'";
  }
  if (status === Status.INVALID_ARGUMENT || status === Status.NOT_FOUND) return `heddle call ${method} --describe`;
  if (status === Status.DEADLINE_EXCEEDED)
    return `the same with a longer --timeout, or ${explainCommand(method, selectors)}`;
  return explainCommand(method, selectors);
}
