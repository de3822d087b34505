import type { AgentRecord } from "../../core/agent";
import { agentsMaxOf, type MemberRecord } from "../../core/member";
import type { ClusterView } from "../cluster-view";
import type { AgentIndex } from "./agent-index";
import { closedReason, unfitReason } from "./agent-needs";

export interface PlannedMove {
  readonly record: AgentRecord;
  readonly to: MemberRecord;
  readonly reason: string;
}

interface Holder {
  readonly member: MemberRecord;
  readonly max: number;
  /** Those that are to stay. */
  count: number;
  /** Those that are leaving too, until they run elsewhere. */
  held: number;
  /** Agents that may be moved, by name. */
  readonly movable: AgentRecord[];
}

/** A member without a bound is compared as if it took so many. */
const UNBOUNDED = 100;

/**
 * Moves that bring agents from members that have many to such as have few, by the share of what each takes: as few as are needed until no
 * move makes the fuller of two members emptier than the other. Of equal members none then has two more than another. Standbys get none.
 */
export function planRebalance(view: ClusterView, index: AgentIndex, movesMax: number): readonly PlannedMove[] {
  const holders = holdersOf(view, index);
  const moves: PlannedMove[] = [];
  while (moves.length < movesMax) {
    const move = nextMove(holders);
    if (!move) break;
    moves.push(move);
  }
  return moves;
}

function holdersOf(view: ClusterView, index: AgentIndex): Holder[] {
  const open = [...view.members.values()].filter((member) => {
    const intent = view.intent(member.memberId);
    return closedReason(member, intent) === "" && intent.kind === "serving";
  });
  return open.map((member) => {
    const names = [...index.of(member.memberId)].sort();
    const placed = names.map((name) => view.agents.get(name)!).filter(({ memberId }) => memberId === member.memberId);
    return {
      member,
      max: agentsMaxOf(member),
      count: placed.length,
      held: names.length,
      movable: placed.filter(isMovable),
    };
  });
}

function isMovable({ state, previous, onlyMemberId }: AgentRecord): boolean {
  return state === "running" && previous === undefined && onlyMemberId === "";
}

function share({ max }: Holder, count: number): number {
  return count / (max || UNBOUNDED);
}

function nextMove(holders: Holder[]): PlannedMove | undefined {
  const byShare = (a: Holder, b: Holder) =>
    share(a, a.count) - share(b, b.count) || (a.member.memberId < b.member.memberId ? -1 : 1);
  const emptiest = [...holders].sort(byShare);
  for (const from of [...emptiest].reverse()) {
    for (const to of emptiest) {
      if (share(from, from.count - 1) < share(to, to.count + 1)) break;
      if (to.max > 0 && to.held >= to.max) continue;
      const at = from.movable.findIndex((record) => unfitReason(to.member, record) === "");
      if (at < 0) continue;
      const [record] = from.movable.splice(at, 1);
      const reason = `rebalanced: ${from.member.memberId} has ${from.count} agents, ${to.member.memberId} ${to.count}`;
      from.count -= 1;
      to.count += 1;
      to.held += 1;
      return { record: record!, to: to.member, reason };
    }
  }
  return undefined;
}
