import type { Environment } from "../../../src/config/setting";
import { COMPUTE } from "./sample-members";

/** A command as docs/cli.md shows it, with what it prints of the sample cluster. */
export interface Example {
  readonly args: readonly string[];
  /** Whether what it prints with --json is shown too. Default: true. */
  readonly json?: false;
  /** It goes on until Ctrl-C. */
  readonly endless?: true;
  readonly env?: Environment;
}

export const EXAMPLES: readonly Example[] = [
  { args: ["status"] },
  { args: ["status", "director-2"] },
  { args: ["nodes", "ls"], json: false },
  { args: ["nodes", "ls", "--state", "full,gone", "--quiet"], json: false },
  { args: ["nodes", "show", "gpu-1"] },
  { args: ["nodes", "drain", "gpu-1", "--deadline", "30m", "--reason", "new kernel"] },
  { args: ["nodes", "cordon", "gpu-1", "--reason", "fan is loud"], json: false },
  { args: ["nodes", "uncordon", "gpu-1"], json: false },
  { args: ["nodes", "maintenance", "gpu-1", "--reason", "new disk"], json: false },
  { args: ["nodes", "standby", "gpu-1"], json: false },
  { args: ["nodes", "resume", "gpu-1"], json: false },
  { args: ["nodes", "rm", "web-3", "--yes"] },
  { args: ["directors", "ls"] },
  { args: ["directors", "maintenance", "director-2", "--reason", "new kernel"], json: false },
  { args: ["directors", "resume", "director-2"], json: false },
  { args: ["leader"] },
  { args: ["leader", "transfer", "director-2"] },
  { args: ["balance", "get"] },
  { args: ["balance", "set", "peak-ewma"] },
  { args: ["explain", `${COMPUTE}/Execute`] },
  { args: ["assignments", "ls"] },
  { args: ["assignments", "show", "mailer"], json: false },
  { args: ["assignments", "add", "crawler", "--service", COMPUTE, "--param", "depth=3"] },
  { args: ["assignments", "rm", "mailer", "--yes"] },
  { args: ["assignments", "rebalance", "--dry-run"] },
  { args: ["events", "tail", "--last", "3"], endless: true },
  {
    args: ["config", "worker", "--changed"],
    env: { WORKER_LABEL: "gpu-1", DIRECTOR_ADDR: "10.0.0.1:61000,10.0.0.2:61000" },
  },
];

/** What has no example: it goes on until it is stopped, asks the screen, or prints what differs from machine to machine. */
export const WITHOUT_EXAMPLE: ReadonlySet<string> = new Set([
  "director",
  "worker",
  "client",
  "attach",
  "dev",
  "top",
  "call",
  "bench",
  "debug",
  "completion",
]);
