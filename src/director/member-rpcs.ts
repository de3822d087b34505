import { parseSelector } from "../balancing/selector";
import type { Clock } from "../core/clock";
import { FabricError, messageOf } from "../core/errors";
import { DEFAULT_INTENT, type Intent, type MemberIdentity } from "../core/member";
import type { Operation, Store, Transaction } from "../store/store";
import type { RegisterMemberRequest, DirectorServiceDefinition } from "../wire/contract";
import {
  conditionFromWire,
  intentKindFromWire,
  loadFromWire,
  resourcesFromWire,
  stateFromWire,
  tagsFromWire,
} from "../wire/member-codec";
import type { Handlers } from "../rpc/service/service-handlers";
import { mistakesInIdentity } from "./hello-rules";
import type { MemberReport } from "./member-report";
import type { MembershipHost } from "./membership-host";
import { encodeRecord, KEYS, type Removal } from "./records";
import { reportedIdOf, type ReportedMembers } from "./reported-members";

export interface MemberRpcsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly membership: MembershipHost;
  readonly report: MemberReport;
  readonly reported: ReportedMembers;
  revision(): number;
  /** Resolves when the view has reached this store revision. */
  caughtUp(revision: number): Promise<void>;
}

type MemberRpcs = Pick<
  Handlers<DirectorServiceDefinition>,
  "listMembers" | "getMember" | "registerMember" | "reportStatus" | "removeMember" | "setIntent"
>;

/** Silence after which a member without an agent is suspect: three of the 30 s heartbeats of the system this replaces. */
const REPORTED_TTL_MS = 90_000;
/** Characters of a reason or an author; the rest is left off. */
export const TEXT_MAX = 512;

export function memberRpcs(parts: MemberRpcsParts): MemberRpcs {
  const { clock, store, membership, report } = parts;
  const recordOf = (memberId: string) => {
    const record = report.record(memberId);
    if (!record) throw new FabricError("MEMBER_NOT_FOUND", `there is no member "${memberId.slice(0, 128)}"`);
    return record;
  };
  const memberOf = (memberId: string) => report.toWire(recordOf(memberId));

  return {
    listMembers: ({ states, role, match, service }) => {
      const wanted = new Set(states.map(stateFromWire));
      const selector = parseSelector(match);
      const members = report
        .records()
        .filter((record) => wanted.size === 0 || wanted.has(record.state))
        .filter((record) => role === "" || record.role === role)
        .filter((record) => service === "" || record.services.includes(service))
        .filter((record) => selector.matches(record.tags))
        .map((record) => report.toWire(record));
      return { members, revision: BigInt(parts.revision()) };
    },

    getMember: ({ memberId }) => ({ member: memberOf(memberId) }),

    registerMember: async (request) => {
      const identity = identityOf(request, clock);
      const mistakes = [...mistakesInIdentity(identity), ...mistakesInPatience(request)];
      if (mistakes.length > 0) throw new FabricError("INVALID_ARGUMENT", mistakes.join("; "));
      const { keepAddress } = request;
      const { memberId, created } = await parts.reported.register(identity, { keepAddress });
      return { member: memberOf(memberId), created };
    },

    reportStatus: ({ memberId, load, condition }) => {
      parts.reported.report(recordOf(memberId), loadFromWire(load), conditionFromWire(condition));
      return { member: memberOf(memberId) };
    },

    removeMember: async ({ memberId, reason }) => {
      const { incarnation } = recordOf(memberId);
      const why = reason.slice(0, TEXT_MAX) || "removed by an operator";
      const removal: Removal = { incarnation, reason: why, atUnixMs: Math.floor(clock.wallMs()) };
      const operations: readonly Operation[] = [
        { kind: "put", key: KEYS.removal(memberId), value: encodeRecord(removal) },
        { kind: "delete", key: KEYS.member(memberId) },
        ...withoutDrain(memberId).operations,
      ];
      const { revision } = await durable("the member was not removed", () =>
        store.commit({ conditions: [], operations }),
      );
      membership.apply({ kind: "remove", memberId, reason: why });
      await parts.caughtUp(revision);
      return {};
    },

    setIntent: async ({ memberId, kind, reason, setBy }) => {
      recordOf(memberId);
      const intentKind = intentKindFromWire(kind);
      if (!intentKind) {
        throw new FabricError(
          "INVALID_ARGUMENT",
          `kind is ${kind}: use SERVING, CORDONED, DRAINING, MAINTENANCE or STANDBY`,
        );
      }
      const intent: Intent = {
        ...DEFAULT_INTENT,
        kind: intentKind,
        reason: reason.slice(0, TEXT_MAX),
        setBy: setBy.slice(0, TEXT_MAX),
        setAtUnixMs: Math.floor(clock.wallMs()),
      };
      const { revision } = await durable("the intent was not changed", () =>
        store.commit(withIntent(memberId, intent)),
      );
      await parts.caughtUp(revision);
      return { member: memberOf(memberId) };
    },
  };
}

/** What was told of a drain goes with it. */
function withIntent(memberId: string, intent: Intent): Transaction {
  const put = { kind: "put", key: KEYS.intent(memberId), value: encodeRecord(intent) } as const;
  return { conditions: [], operations: [put, { kind: "delete", key: KEYS.drain(memberId) }] };
}

function withoutDrain(memberId: string): Transaction {
  const keys = [KEYS.intent(memberId), KEYS.drain(memberId)];
  return { conditions: [], operations: keys.map((key) => ({ kind: "delete", key })) };
}

/** A write that must not be pretended: when the store does not take it, the caller is told. */
export async function durable<T>(consequence: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new FabricError("STORE_UNAVAILABLE", `${consequence}: ${messageOf(error)}`, { cause: error });
  }
}

function* mistakesInPatience({ ttlMs, deadAfterMs }: RegisterMemberRequest): Generator<string> {
  const ttl = ttlMs || REPORTED_TTL_MS;
  if (deadAfterMs !== 0 && deadAfterMs <= ttl) {
    yield `dead_after_ms is ${deadAfterMs}: send more than ttl_ms, which is ${ttl}, or 0 for twice that`;
  }
}

function identityOf(request: RegisterMemberRequest, clock: Clock): MemberIdentity {
  const label = request.label || request.memberId;
  const ttlMs = request.ttlMs || REPORTED_TTL_MS;
  return {
    memberId: request.memberId || reportedIdOf(label, request.address),
    label,
    address: request.address,
    incarnation: Math.floor(clock.wallMs()),
    services: request.services,
    descriptorSetHash: "",
    slots: request.slots,
    agentsMax: request.agentsMax,
    tags: tagsFromWire(request.tags),
    resources: resourcesFromWire(request.resources),
    role: request.role || "worker",
    version: "",
    dataKeepalive: false,
    // Whoever registers anew is well, whatever it said before.
    condition: undefined,
    liveness: { kind: "reported", ttlMs, deadAfterMs: request.deadAfterMs || 2 * ttlMs },
  };
}
