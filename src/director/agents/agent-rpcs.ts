import type { AgentNeeds, AgentRecord } from "../../core/agent";
import { endOfError, endOfHandlerError } from "../../core/call-end";
import type { Clock } from "../../core/clock";
import { FabricError } from "../../core/errors";
import { mountService, type Handlers, type MountedService } from "../../rpc/service/service-handlers";
import type { Condition, Store } from "../../store/store";
import { AgentServiceDefinition, AgentState as WireState, type Agent as WireAgent } from "../../wire/contract";
import { tagsFromWire, tagsToWire } from "../../wire/member-codec";
import type { ClusterView } from "../cluster-view";
import { durable, TEXT_MAX } from "../member-rpcs";
import { encodeRecord, KEYS, readFact } from "../records";
import type { AgentIndex } from "./agent-index";
import { checkWish, isSameWish, placedAt, unplaced, type AgentWish } from "./agent-needs";
import type { AgentPlaces } from "./agent-places";
import { planRebalance, type PlannedMove } from "./rebalance";

export interface AgentRpcsParts {
  readonly clock: Clock;
  readonly store: Store;
  readonly view: ClusterView;
  readonly index: AgentIndex;
  readonly places: AgentPlaces;
}

/**
 * Agents that a cluster keeps. With full parameters they are 50 MB in the store and in each director; a leader looks at all of them within
 * some milliseconds.
 */
const AGENTS_MAX = 10_000;
const REBALANCE_MOVES = { default: 10, max: 1_000 } as const;
/** How often a write is tried that another director's gets in before. */
const ATTEMPTS_MAX = 8;

const STATES: Readonly<Record<AgentRecord["state"], WireState>> = {
  pending: WireState.PENDING,
  starting: WireState.STARTING,
  running: WireState.RUNNING,
  failed: WireState.FAILED,
  // Nobody is shown it.
  released: WireState.UNSPECIFIED,
};

/** heddle.v1.AgentService. Any director answers: each write is based on the record that it was decided by. */
export function agentService(parts: AgentRpcsParts): MountedService {
  return mountService(AgentServiceDefinition, agentRpcs(parts), {
    endOfError: (error) => (error instanceof FabricError ? endOfError(error) : endOfHandlerError(error)),
  });
}

function agentRpcs(parts: AgentRpcsParts): Handlers<AgentServiceDefinition> {
  const { view } = parts;
  const toWire = (record: AgentRecord) => agentToWire(record, (needs) => parts.places.whyNobody(needs));
  return {
    assignAgent: async ({ name, services, match, parameters, memberId }) => {
      const wish = { name, services, match, parameters: tagsFromWire(parameters), onlyMemberId: memberId };
      checkWish(wish);
      if (memberId !== "" && !view.members.has(memberId)) {
        throw new FabricError("MEMBER_NOT_FOUND", `there is no member "${memberId.slice(0, 128)}"`);
      }
      const { record, created } = await assign(parts, wish);
      return { agent: toWire(record), created };
    },

    releaseAgent: async ({ name, reason }) => {
      return { released: await release(parts, name, reason.slice(0, TEXT_MAX) || "released by an operator") };
    },

    getAgent: ({ name }) => {
      const record = view.agents.get(name);
      if (!record || record.state === "released") {
        throw new FabricError("AGENT_NOT_FOUND", `there is no agent "${name.slice(0, 128)}"`);
      }
      return { agent: toWire(record) };
    },

    listAgents: ({ memberId }) => {
      const records = [...view.agents.values()]
        .filter(({ state }) => state !== "released")
        .filter((record) => memberId === "" || record.memberId === memberId)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const whyNobody = oncePerNeeds((needs) => parts.places.whyNobody(needs));
      return { agents: records.map((record) => agentToWire(record, whyNobody)) };
    },

    rebalanceAgents: async ({ movesMax, dryRun, reason }) => {
      if (movesMax > REBALANCE_MOVES.max) {
        throw new FabricError("INVALID_ARGUMENT", `moves_max is ${movesMax}: at most ${REBALANCE_MOVES.max}`);
      }
      const planned = planRebalance(view, parts.index, movesMax || REBALANCE_MOVES.default);
      const why = reason.slice(0, TEXT_MAX);
      const moves = planned.map((move) => (why === "" ? move : { ...move, reason: `${why} (${move.reason})` }));
      const done = dryRun ? moves : await moveAll(parts, moves);
      return {
        moves: done.map((move) => ({
          name: move.record.name,
          fromMemberId: move.record.memberId,
          toMemberId: move.to.memberId,
          reason: move.reason,
        })),
      };
    },
  };
}

async function assign(
  parts: AgentRpcsParts,
  wish: AgentWish,
): Promise<{ readonly record: AgentRecord; readonly created: boolean }> {
  const { store, view, places, clock } = parts;
  const key = KEYS.agent(wish.name);
  let known = view.agents.get(wish.name);
  let condition: Condition = conditionOn(key, view.modRevision(key));
  // That it exists is an answer, and one that another director may have made untrue.
  if (exists(known) && !view.lost.has(key)) ({ known, condition } = await stored(parts, wish.name));
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    if (exists(known)) {
      if (isSameWish(known, wish)) return { record: known, created: false };
      const what = `agent "${wish.name}" exists with other needs or parameters`;
      throw new FabricError("AGENT_EXISTS", `${what}: release it first, or take another name`);
    }
    if (!known && view.agents.size >= AGENTS_MAX) {
      throw new FabricError("AGENTS_FULL", `there are ${view.agents.size} agents, and at most ${AGENTS_MAX} are kept`);
    }
    const nowUnixMs = Math.floor(clock.wallMs());
    const fresh: AgentRecord = {
      ...wish,
      state: "pending",
      reason: "",
      memberId: "",
      // Above those of an earlier agent of this name, of which neither this director nor the store may know any more: it began at its time,
      // and each of its placements was a write, which takes a millisecond. The revision stands in for a clock that is not set.
      generation: Math.max(known?.generation ?? 0, view.revision, nowUnixMs),
      createdAtUnixMs: nowUnixMs,
      assignedAtUnixMs: 0,
      moves: 0,
      failures: 0,
    };
    const reservation = places.reserve(wish.name, wish);
    try {
      const record = reservation
        ? placedAt(
            fresh,
            { memberId: reservation.record.memberId, isReported: reservation.record.liveness.kind === "reported" },
            { reason: "assigned", nowUnixMs, keep: false },
          )
        : unplaced(fresh, places.whyNobody(wish));
      const { succeeded, revision } = await durable("the agent was not assigned", () =>
        store.commit({
          conditions: [condition],
          operations: [{ kind: "put", key, value: encodeRecord(record) }],
        }),
      );
      if (succeeded) {
        await view.caughtUp(revision, clock);
        const seen = view.modRevision(key) >= revision ? view.agents.get(wish.name) : undefined;
        return { record: seen ?? record, created: true };
      }
    } finally {
      reservation?.release();
    }
    ({ known, condition } = await stored(parts, wish.name));
  }
  throw contended(wish.name);
}

async function release(parts: AgentRpcsParts, name: string, reason: string): Promise<boolean> {
  const { store, view, clock } = parts;
  const key = KEYS.agent(name);
  let known = view.agents.get(name);
  let condition: Condition = conditionOn(key, view.modRevision(key));
  // That there is none is an answer, and one that another director may have made untrue.
  if (!exists(known) && !view.lost.has(key)) ({ known, condition } = await stored(parts, name));
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    if (!exists(known)) return false;
    const { succeeded, revision } = await releaseOnce(parts, known, condition, reason);
    if (succeeded) {
      // The leader does it if this fails: what counts is written.
      await store
        .commit({ conditions: [{ key, modRevision: revision }], operations: [{ kind: "delete", key }] })
        .then((end) => view.caughtUp(end.revision, clock))
        .catch(() => {});
      return true;
    }
    ({ known, condition } = await stored(parts, name));
  }
  throw contended(name);
}

/** Written before it is deleted, so that everybody learns why, and that it was no loss. */
function releaseOnce({ store }: AgentRpcsParts, known: AgentRecord, condition: Condition, reason: string) {
  const value = encodeRecord({ ...known, state: "released", reason, previous: undefined });
  return durable("the agent was not released", () =>
    store.commit({
      conditions: [condition],
      operations: [{ kind: "put", key: KEYS.agent(known.name), value }],
    }),
  );
}

/** Moves what has not been moved, released or failed since it was planned. Gives those that are done. */
async function moveAll(parts: AgentRpcsParts, moves: readonly PlannedMove[]): Promise<PlannedMove[]> {
  const { store, view, clock } = parts;
  const done: PlannedMove[] = [];
  for (const move of moves) {
    const { record, to, reason } = move;
    // The write is based on the record that was planned with, not on a later one.
    if (view.agents.get(record.name) !== record) continue;
    const key = KEYS.agent(record.name);
    const isReported = to.liveness.kind === "reported";
    const nowUnixMs = Math.floor(clock.wallMs());
    const after = placedAt(record, { memberId: to.memberId, isReported }, { reason, nowUnixMs, keep: true });
    const { succeeded, revision } = await durable(`after ${done.length} moves no more agents were moved`, () =>
      store.commit({
        conditions: [{ key, modRevision: view.modRevision(key) }],
        operations: [{ kind: "put", key, value: encodeRecord(after) }],
      }),
    );
    if (!succeeded) continue;
    await view.caughtUp(revision, clock);
    done.push(move);
  }
  return done;
}

type Existing = AgentRecord & { readonly state: Exclude<AgentRecord["state"], "released"> };

function exists(known: AgentRecord | undefined): known is Existing {
  return known !== undefined && known.state !== "released";
}

function conditionOn(key: string, modRevision: number): Condition {
  return modRevision === 0 ? { key, createRevision: 0 } : { key, modRevision };
}

/** As the store has it now: another director may have written it since this one's view. */
async function stored({ store }: AgentRpcsParts, name: string) {
  const key = KEYS.agent(name);
  const entry = await durable("nothing was changed", () => store.get(key));
  const fact = entry && readFact(key, entry.value);
  const known = fact?.kind === "agent" ? fact.value : undefined;
  return { known, condition: conditionOn(key, entry?.modRevision ?? 0) };
}

function contended(name: string): FabricError {
  const what = `agent "${name}" was written by others ${ATTEMPTS_MAX} times meanwhile`;
  return new FabricError("STORE_UNAVAILABLE", `${what}: try again`);
}

/** Many agents that wait need the same, and each answer looks at every member. */
function oncePerNeeds(whyNobody: (needs: AgentNeeds) => string): (needs: AgentNeeds) => string {
  const known = new Map<string, string>();
  return (needs) => {
    const key = JSON.stringify([needs.services, needs.match, needs.onlyMemberId]);
    const reason = known.get(key) ?? whyNobody(needs);
    known.set(key, reason);
    return reason;
  };
}

function agentToWire(record: AgentRecord, whyNobody: (needs: AgentNeeds) => string): WireAgent {
  const { name, services, match, state, memberId, generation, moves, failures, previous } = record;
  const waitsFor = state === "pending" ? whyNobody(record) : "";
  return {
    name,
    services: [...services],
    match,
    state: STATES[state],
    reason: waitsFor === "" || record.reason === waitsFor ? record.reason : joined(record.reason, waitsFor),
    memberId,
    generation: BigInt(generation),
    createdAtUnixMs: BigInt(record.createdAtUnixMs),
    assignedAtUnixMs: BigInt(record.assignedAtUnixMs),
    parameters: tagsToWire(record.parameters),
    moves,
    previousMemberId: previous?.memberId ?? "",
    onlyMemberId: record.onlyMemberId,
    failures,
  };
}

function joined(first: string, second: string): string {
  return first === "" ? second : `${first}; ${second}`;
}
