import type { Environment } from "../config/setting";
import type { CallTools } from "./call-tools";
import type { DevOptions } from "./dev-options";
import type { Operate } from "./operator-commands";
import type { Terminal } from "./terminal";

/** A contract without generated code: `heddle worker --proto … --handlers …`. */
export interface ProtoWorker {
  readonly protoFiles: readonly string[];
  readonly handlersModule: string;
  readonly includeDirs: readonly string[];
}

/** A server of any language that a side-car attaches: `heddle attach`. */
export interface AttachTarget {
  readonly address: string;
  /** Full names; empty takes all that the target's reflection lists. */
  readonly services: readonly string[];
  /** Descriptor-set file; "" asks the target's reflection. */
  readonly descriptorsFile: string;
}

/** What the subcommands do. Each resolves to the exit code when the role has ended. */
export interface Roles {
  director(env: Environment): Promise<number>;
  worker(env: Environment, proto: ProtoWorker | undefined): Promise<number>;
  client(env: Environment): Promise<number>;
  attach(env: Environment, target: AttachTarget): Promise<number>;
  dev(env: Environment, options: DevOptions): Promise<number>;
  /** Runs a command of an operator, which asks something of the cluster and ends. */
  operate: Operate;
  calls: CallTools;
  /** Where commands write that ask nobody. */
  readonly terminal: Terminal;
}
