/** Where a member is in its life (SWIM's states and planned departure). `left` is chosen, `dead` is judged. */
export type MemberState = "joining" | "alive" | "suspect" | "dead" | "draining" | "left";

export const INTENT_KINDS = ["serving", "cordoned", "draining", "maintenance", "standby"] as const;
export type IntentKind = (typeof INTENT_KINDS)[number];

/** What the operator wants of a member. Durable, and never changed by a heartbeat. */
export interface Intent {
  readonly kind: IntentKind;
  /** Who asked for it; "" when not given. */
  readonly setBy: string;
  readonly reason: string;
  /** 0 for the default intent, which nobody set. */
  readonly setAtUnixMs: number;
  /** Of a drain: until when calls may go on; 0 for no deadline. */
  readonly deadlineUnixMs: number;
  /** Of a drain: whether calls that go on after the deadline are ended. */
  readonly force: boolean;
}

export const DEFAULT_INTENT: Intent = {
  kind: "serving",
  setBy: "",
  reason: "",
  setAtUnixMs: 0,
  deadlineUnixMs: 0,
  force: false,
};

/** Of a member that is a standby by its own wish, and of which no operator wants anything. */
export const OWN_STANDBY: Intent = { ...DEFAULT_INTENT, kind: "standby", reason: "it started as standby" };

/** Intents under which the worker itself is told to take no calls. */
export function isDrained({ kind }: Intent): boolean {
  return kind === "draining" || kind === "maintenance";
}

/** What a machine has. Found once, when the worker starts. */
export interface Resources {
  /** Logical processors the process may use, cgroup limit included. */
  readonly cpuCores: number;
  /** Memory the process may use, cgroup limit included. */
  readonly memoryMib: number;
  /** Size of the filesystem that holds the working directory. */
  readonly diskMib: number;
  readonly hostname: string;
  /** "linux x64", "darwin arm64", … */
  readonly platform: string;
  /** "" where the system does not tell. */
  readonly cpuModel: string;
}

export const NO_RESOURCES: Resources = {
  cpuCores: 0,
  memoryMib: 0,
  diskMib: 0,
  hostname: "",
  platform: "",
  cpuModel: "",
};

/** How busy a member is now. Sent with every heartbeat. */
export interface Load {
  /** Share of the allowed CPU in use since the last report, 0–1. */
  readonly cpuRatio: number;
  readonly memoryRatio: number;
  readonly diskRatio: number;
  /** One-minute load average of the machine. */
  readonly loadAverage: number;
  /** Calls the worker is executing now, whoever sent them. */
  readonly inFlight: number;
  /** Longest delay of the worker's event loop since the last report. */
  readonly loopLagMs: number;
}

export const NO_LOAD: Load = {
  cpuRatio: 0,
  memoryRatio: 0,
  diskRatio: 0,
  loadAverage: 0,
  inFlight: 0,
  loopLagMs: 0,
};

export type Tags = Readonly<Record<string, string>>;

/** What a member without an agent of ours last said of itself; nothing when it takes calls. */
export type ReportedCondition = "initializing" | "failed" | "maintenance";

/** What a worker says of itself. Fixed for one life (incarnation) of the worker, but for `attachment`. */
export interface MemberIdentity {
  /** Unique and stable across restarts. 1–128 characters of [A-Za-z0-9._:-]. */
  readonly memberId: string;
  readonly label: string;
  /** host:port for calls. */
  readonly address: string;
  /** Start count. Only the worker raises it; an older one never overwrites a newer. */
  readonly incarnation: number;
  /** Full names of the gRPC services it serves. */
  readonly services: readonly string[];
  /** SHA-256 (hex) of its FileDescriptorSet; "" when it has none. */
  readonly descriptorSetHash: string;
  /** Calls it is willing to execute at once; 0 means no bound. */
  readonly slots: number;
  readonly tags: Tags;
  readonly resources: Resources;
  /** "worker" unless the member says otherwise. */
  readonly role: string;
  readonly version: string;
  /** Whether the data address tolerates frequent HTTP/2 PINGs. */
  readonly dataKeepalive: boolean;
  /** How it shows life: by beats on an Attach stream, or by ReportStatus (no agent of ours). */
  readonly liveness: { readonly kind: "attached" } | ReportedLiveness;
  /** Only of members without an agent of ours; may change while it lives. */
  readonly condition?: ReportedCondition | undefined;
  /**
   * Which of the Attach streams of its life this is, from 1; absent or 0 from a member that does not count them. Of a member that reports:
   * how often another director became its home.
   */
  readonly attachment?: number;
  /** Whether its data address serves heddle.v1.CapacityService. */
  readonly sharesSlots?: boolean;
  /** Whether it runs agents. A member that only reports takes them in any case: what it does with them is its own affair. */
  readonly takesAgents?: boolean;
  /** Agents it takes at most; absent or 0: as many as `slots`. */
  readonly agentsMax?: number;
  /** Wants to be used only while no other can take a call, unless an operator says otherwise. */
  readonly standby?: boolean;
}

/** Agents the member takes at most; 0 for no bound. They are not calls, and take none of its slots for calls. */
export function agentsMaxOf({ agentsMax, slots }: Pick<MemberIdentity, "agentsMax" | "slots">): number {
  return agentsMax || slots;
}

export function takesAgents({ liveness, takesAgents }: Pick<MemberIdentity, "liveness" | "takesAgents">): boolean {
  return liveness.kind === "reported" || takesAgents === true;
}

/** Suspect after `ttlMs` of silence, and dead after `deadAfterMs`: twice that where it is absent. */
export interface ReportedLiveness {
  readonly kind: "reported";
  readonly ttlMs: number;
  readonly deadAfterMs?: number;
}

/**
 * Whether `one` tells of a later time in the member's life than `other`: a newer life, or a later Attach stream of the same. Both are
 * counted by the worker alone, so directors that do not see each other agree on it.
 */
export function isLater(
  one: Pick<MemberIdentity, "incarnation" | "attachment">,
  other: Pick<MemberIdentity, "incarnation" | "attachment">,
): boolean {
  if (one.incarnation !== other.incarnation) return one.incarnation > other.incarnation;
  return (one.attachment ?? 0) > (other.attachment ?? 0);
}

/** A member's record in the store: identity and what its home director judged. Written on transitions only. */
export interface MemberRecord extends MemberIdentity {
  readonly state: MemberState;
  readonly stateReason: string;
  readonly stateSinceUnixMs: number;
  readonly joinedAtUnixMs: number;
  /** Director that holds its Attach stream and judges it. */
  readonly homeDirectorId: string;
}
