import { MemberState } from "../../../generated/heddle/v1/member";
import type { MemberRecord } from "../../../src/core/member";
import { readFact } from "../../../src/director/records";
import type { Invariant } from "./invariant";

const STATES: Readonly<Record<string, MemberState>> = {
  joining: MemberState.JOINING,
  alive: MemberState.ALIVE,
  suspect: MemberState.SUSPECT,
  draining: MemberState.DRAINING,
  dead: MemberState.DEAD,
  left: MemberState.LEFT,
};

/**
 * Once everything is healed and has had its time, each director shows what the store has, member by member, and every worker that lives is
 * there, alive, and may be picked at every director, unless its operator wants otherwise; none that is gone may be.
 */
export const viewsConverge: Invariant = {
  name: "views-converge",
  judge: ({ directors, workers, store, cluster }) => ({
    settled: async () => {
      const wrong: string[] = [];
      const { entries } = await store.inner.list("cluster/members/");
      const records = entries.map(({ value }) => JSON.parse(Buffer.from(value).toString()) as MemberRecord);
      const intents = (await store.inner.list("cluster/intents/")).entries.map(({ key, value }) =>
        readFact(key, value),
      );
      const keptOut = new Set(
        intents.map((fact) => (fact?.kind === "intent" && fact.value?.kind !== "serving" ? fact.id : "")),
      );
      const leaders = new Set<string>();
      for (const [name, { rpc }] of directors) {
        const { members } = await cluster.outcome(rpc.listMembers({}));
        const { directorId, epoch } = await cluster.outcome(rpc.getLeader({}));
        leaders.add(`${directorId} in epoch ${epoch}`);
        for (const record of records) {
          const member = members.find(({ memberId }) => memberId === record.memberId);
          const isSame =
            member?.state === STATES[record.state] &&
            Number(member?.incarnation) === record.incarnation &&
            member?.homeDirectorId === record.homeDirectorId;
          if (!isSame) wrong.push(`${name} sees ${shown(member)} and the store has ${shownRecord(record)}`);
        }
        for (const member of members) {
          const { memberId, state, ready, notReadyReason } = member;
          if (!records.some((record) => record.memberId === memberId)) wrong.push(`${name} alone has ${shown(member)}`);
          const isOver = state === MemberState.DEAD || state === MemberState.LEFT;
          if (!workers.has(memberId) && (ready || !isOver)) wrong.push(`${name} has ${shown(member)}, which is gone`);
          if (workers.has(memberId) && !ready && !(keptOut.has(memberId) && notReadyReason.startsWith("operator"))) {
            wrong.push(`${name} may not pick ${memberId}: ${notReadyReason}`);
          }
        }
        for (const memberId of workers.keys()) {
          if (!members.some((member) => member.memberId === memberId)) wrong.push(`${name} does not know ${memberId}`);
        }
      }
      if (leaders.size > 1 || [...leaders].some((leader) => leader.startsWith(" in"))) {
        wrong.push(`the leader is ${[...leaders].join(", or ")}`);
      }
      return wrong.join("; ") || undefined;
    },
  }),
};

function shown(
  member: { memberId: string; state: MemberState; incarnation: bigint; homeDirectorId: string } | undefined,
) {
  if (!member) return "nothing";
  const state = Object.entries(STATES).find(([, wire]) => wire === member.state)?.[0];
  return `${member.memberId} ${state} of life ${member.incarnation} at ${member.homeDirectorId}`;
}

function shownRecord({ memberId, state, incarnation, homeDirectorId }: MemberRecord) {
  return `${memberId} ${state} of life ${incarnation} at ${homeDirectorId}`;
}
