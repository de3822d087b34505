import type { IncomingCall } from "../core/call";
import type { FabricError } from "../core/errors";
import type { AgentHandler } from "./agents/agent-handler";

/** What a worker serves: one handler for each path. */
export interface ServedService {
  readonly fullName: string;
  readonly methods: ReadonlyMap<string, (call: IncomingCall) => void>;
}

/** What a worker serves, and the contract of it. */
export interface Served {
  readonly services: readonly ServedService[];
  /** `undefined` keeps them callable but not discoverable. */
  readonly descriptors: { readonly hash: string; readonly fileDescriptorSet: Uint8Array } | undefined;
  /** What runs agents, where that comes with the services. */
  readonly onAgent?: AgentHandler | undefined;
}

/** Where the handlers run: on the worker's own thread, or in others. */
export interface ServiceHost {
  /**
   * Resolves when calls can be run. Once.
   * @throws FabricError INVALID_ARGUMENT when the handlers or their contract cannot be used
   */
  start(): Promise<Served>;
  /** Told why no call can be run now, and, with `undefined`, that they can again. */
  onRefusal(listener: (refusal: FabricError | undefined) => void): void;
  /** Ends what still runs. Resolves when nothing does. */
  stop(): Promise<void>;
}

/** Handlers on the worker's own thread. */
export function ownThread(load: () => Served | Promise<Served>): ServiceHost {
  return { start: async () => await load(), onRefusal: () => {}, stop: () => Promise.resolve() };
}
