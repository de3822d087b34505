import type { AgentRecord } from "../core/agent";
import { DEFAULT_INTENT, type Intent, type MemberRecord } from "../core/member";

/** Everything the cluster shares is under this prefix. */
export const CLUSTER_PREFIX = "cluster/";

/** Below this the election keeps its own keys; one of them says who leads. */
export const ELECTION_PREFIX = `${CLUSTER_PREFIX}election/`;

const MEMBERS = `${CLUSTER_PREFIX}members/`;
const INTENTS = `${CLUSTER_PREFIX}intents/`;
const DRAINS = `${CLUSTER_PREFIX}drains/`;
const REMOVALS = `${CLUSTER_PREFIX}removals/`;
const DIRECTORS = `${CLUSTER_PREFIX}directors/`;
const DIRECTOR_INTENTS = `${CLUSTER_PREFIX}director-intents/`;
const AGENTS = `${CLUSTER_PREFIX}agents/`;
const DESCRIPTORS = `${CLUSTER_PREFIX}descriptors/`;

export const KEYS = {
  member: (memberId: string) => `${MEMBERS}${memberId}`,
  intent: (memberId: string) => `${INTENTS}${memberId}`,
  drain: (memberId: string) => `${DRAINS}${memberId}`,
  removal: (memberId: string) => `${REMOVALS}${memberId}`,
  directorIntent: (directorId: string) => `${DIRECTOR_INTENTS}${directorId}`,
  director: (directorId: string) => `${DIRECTORS}${directorId}`,
  agent: (name: string) => `${AGENTS}${name}`,
  descriptors: (hash: string) => `${DESCRIPTORS}${hash}`,
  balancing: `${CLUSTER_PREFIX}settings/balancing`,
  /** A random id, made once for each store: another one, or none, says that the store is not the one it was. */
  identity: `${CLUSTER_PREFIX}identity`,
  leader: `${ELECTION_PREFIX}leader`,
} as const;

/** Whether a key holds what was promised to somebody. The others say how things are, and are written again by those who know. */
export function isDurable(key: string): boolean {
  const prefixes = [INTENTS, DIRECTOR_INTENTS, DESCRIPTORS, AGENTS];
  return key === KEYS.balancing || prefixes.some((prefix) => key.startsWith(prefix));
}

/** A director as the others see it. Leased: it goes with the director's session. */
export interface DirectorRecord {
  readonly directorId: string;
  readonly address: string;
  readonly startedAtUnixMs: number;
  readonly version: string;
  /** host:port of its HTTP port; absent or "" when it has none. */
  readonly httpAddress?: string;
}

/** What a draining worker measured, told by its home director to the others. */
export interface DrainReport {
  /** Of the intent that it was told. */
  readonly drainSetAtUnixMs: number;
  readonly incarnation: number;
  /** False when no new call can begin there. */
  readonly serving: boolean;
  readonly inFlight: number;
}

/**
 * An operator removed a member. Written together with the deletion of its record, so that everybody can tell that from a record that went
 * with the lease of its director.
 */
export interface Removal {
  /** The life that was removed; a later one is a new member. */
  readonly incarnation: number;
  readonly reason: string;
  readonly atUnixMs: number;
}

/** A key of the shared record, decoded. `value` is undefined when the key is gone. */
export type ClusterFact =
  | { readonly kind: "member"; readonly id: string; readonly value: MemberRecord | undefined }
  | { readonly kind: "intent"; readonly id: string; readonly value: Intent | undefined }
  | { readonly kind: "drain"; readonly id: string; readonly value: DrainReport | undefined }
  | { readonly kind: "removal"; readonly id: string; readonly value: Removal | undefined }
  | { readonly kind: "director"; readonly id: string; readonly value: DirectorRecord | undefined }
  | { readonly kind: "director-intent"; readonly id: string; readonly value: Intent | undefined }
  | { readonly kind: "agent"; readonly id: string; readonly value: AgentRecord | undefined }
  | { readonly kind: "descriptors"; readonly id: string; readonly value: Uint8Array | undefined }
  | { readonly kind: "balancing"; readonly id: ""; readonly value: string | undefined }
  | { readonly kind: "identity"; readonly id: ""; readonly value: string | undefined }
  | {
      readonly kind: "leader";
      readonly id: "";
      readonly value: Pick<DirectorRecord, "directorId" | "address"> | undefined;
    };

export function encodeRecord(
  record: MemberRecord | AgentRecord | Intent | DrainReport | Removal | DirectorRecord | string,
): Uint8Array {
  return Buffer.from(JSON.stringify(record), "utf8");
}

function decode<T>(value: Uint8Array): T {
  return JSON.parse(Buffer.from(value).toString("utf8")) as T;
}

/**
 * What a key says. `undefined` for keys of a newer version.
 * @throws SyntaxError when the value is not what this version writes
 */
export function readFact(key: string, value: Uint8Array | undefined): ClusterFact | undefined {
  const json = <T>() => (value === undefined ? undefined : decode<T>(value));
  if (key.startsWith(MEMBERS)) return { kind: "member", id: key.slice(MEMBERS.length), value: json<MemberRecord>() };
  if (key.startsWith(INTENTS))
    return { kind: "intent", id: key.slice(INTENTS.length), value: intentOf(json<Intent>()) };
  if (key.startsWith(DRAINS)) return { kind: "drain", id: key.slice(DRAINS.length), value: json<DrainReport>() };
  if (key.startsWith(REMOVALS)) return { kind: "removal", id: key.slice(REMOVALS.length), value: json<Removal>() };
  if (key.startsWith(DIRECTORS))
    return { kind: "director", id: key.slice(DIRECTORS.length), value: json<DirectorRecord>() };
  if (key.startsWith(DIRECTOR_INTENTS))
    return { kind: "director-intent", id: key.slice(DIRECTOR_INTENTS.length), value: intentOf(json<Intent>()) };
  if (key.startsWith(AGENTS)) return { kind: "agent", id: key.slice(AGENTS.length), value: json<AgentRecord>() };
  if (key.startsWith(DESCRIPTORS)) return { kind: "descriptors", id: key.slice(DESCRIPTORS.length), value };
  if (key === KEYS.balancing) return { kind: "balancing", id: "", value: json<string>() };
  if (key === KEYS.identity) return { kind: "identity", id: "", value: json<string>() };
  if (key === KEYS.leader) return { kind: "leader", id: "", value: json<DirectorRecord>() };
  return undefined;
}

/** An earlier version wrote fewer fields. */
function intentOf(intent: Intent | undefined): Intent | undefined {
  return intent && { ...DEFAULT_INTENT, ...intent };
}
