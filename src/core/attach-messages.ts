import type { AgentOrder, AgentReport } from "./agent";
import type { Load, MemberIdentity } from "./member";

/** The first message of a worker on an Attach stream: who it is, and what it wishes of this stream. */
export interface Hello extends Omit<MemberIdentity, "liveness"> {
  /** The interval the worker prefers; 0 takes the director's. */
  readonly heartbeatIntervalMs: number;
  /** Asks for `member-event` messages on this stream. */
  readonly wantsEvents: boolean;
}

/** What a worker sends on its Attach stream. */
export type WorkerMessage =
  | { readonly kind: "hello"; readonly hello: Hello }
  | {
      readonly kind: "heartbeat";
      /** Rises by one, from 1, on each stream. */
      readonly seq: number;
      /** The worker's monotonic clock; echoed in the acknowledgement. */
      readonly sentAtMs: number;
      readonly load: Load;
      /** False while the worker refuses calls although it is alive. */
      readonly serving: boolean;
      /** Why not, in words; "" while it serves. */
      readonly notServingReason: string;
    }
  | { readonly kind: "descriptors"; readonly hash: string; readonly fileDescriptorSet: Uint8Array }
  | { readonly kind: "draining"; readonly reason: string }
  | { readonly kind: "goodbye"; readonly reason: string }
  | {
      readonly kind: "probe-result";
      readonly probeId: string;
      readonly memberId: string;
      readonly reachable: boolean;
      readonly detail: string;
    }
  | ({ readonly kind: "agent-report" } & AgentReport);

/** How a worker is to drain. */
export interface DrainOrder {
  readonly reason: string;
  /** Time left until the deadline, as of now; 0 when it has passed, `undefined` when there is none. */
  readonly remainingMs?: number | undefined;
  /** Whether calls that go on after the deadline are to be ended. */
  readonly force: boolean;
}

/** What a director sends on an Attach stream. */
export type DirectorMessage =
  | {
      readonly kind: "welcome";
      readonly sessionId: string;
      readonly directorId: string;
      readonly clusterId: string;
      readonly heartbeatIntervalMs: number;
      /** Addresses of all directors, the sender's first. */
      readonly directors: readonly string[];
      /** Store revision at which the director accepted the worker. */
      readonly epoch: number;
      readonly wantsDescriptors: boolean;
    }
  | {
      readonly kind: "heartbeat-ack";
      readonly seq: number;
      readonly sentAtMs: number;
      readonly directorTimeUnixMs: number;
    }
  | ({ readonly kind: "drain" } & DrainOrder)
  | { readonly kind: "undrain" }
  | {
      readonly kind: "probe-request";
      readonly probeId: string;
      readonly memberId: string;
      readonly address: string;
      readonly timeoutMs: number;
    }
  | { readonly kind: "configuration"; readonly heartbeatIntervalMs: number; readonly directors: readonly string[] }
  | { readonly kind: "member-event"; readonly event: MemberEvent }
  | AgentOrders;

/** What changed of the agents that are to run at the worker. */
export interface AgentOrders {
  readonly kind: "agents";
  readonly start: readonly AgentOrder[];
  /** Names. */
  readonly stop: readonly string[];
  /** All agents of the worker have been told on this stream: one that was not is to be stopped. */
  readonly complete: boolean;
}

export type MemberEventKind =
  | "node-joined"
  | "node-left"
  | "node-suspected"
  | "node-failed"
  | "node-recovered"
  | "node-updated"
  | "intent-changed"
  | "leader-changed"
  | "balancing-changed"
  | "agent-assigned"
  | "agent-moved"
  | "agent-pending"
  | "agent-failed"
  | "agent-released"
  | "reset";

/** What happened in the cluster, in the order of the store's revisions. */
export interface MemberEvent {
  /** Store revision of the change; a watch resumes from here. 0 on all but the last event of a `reset`. */
  readonly revision: number;
  readonly kind: MemberEventKind;
  /** "" for events that are about no member. */
  readonly memberId: string;
  readonly detail: string;
  /** Of events about an agent: its name. `memberId` is then where it is, or was. */
  readonly agent?: string;
  /** Unix time at the director that reports it. */
  readonly atUnixMs: number;
}
