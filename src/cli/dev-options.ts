import type { ProtoWorker } from "./roles";

/** What `heddle dev` runs. */
export interface DevOptions {
  /** A module that exports services by default, or a program that starts a worker; undefined: `proto`, or the default tasks. */
  readonly module: string | undefined;
  readonly proto: ProtoWorker | undefined;
  readonly workers: number;
  /** Of the director; "" keeps its record in memory. */
  readonly dataDir: string;
  /** More folders in which a change starts the workers anew. */
  readonly watchDirs: readonly string[];
  /** The whole log, and not only warnings. */
  readonly verbose: boolean;
}
