import { LEADER_TTL_MS, LEDGER_KEY } from "../leader-ledger";
import type { Invariant } from "./invariant";

/**
 * No two terms are current at the same instant of virtual time (a director whose lease the store ended before its time cannot know, and is let
 * off until it must: its fence holds it back meanwhile); the epochs of what leaders have done never fall, whenever it arrives at the
 * store; and a term's epoch is higher than those of the terms before it.
 */
export const oneLeader: Invariant = {
  name: "one-leader",
  judge: ({ directors, leaseLostMs, nowMs }) => {
    let doneEpoch = 0;
    let doneBy = "";
    const leaders = new Map<number, string>();
    return {
      always: () => {
        const current: string[] = [];
        for (const [name, { ledger }] of directors) {
          const term = ledger.election.term();
          if (!term) continue;
          if (nowMs() - leaseLostMs(name) > LEADER_TTL_MS) current.push(`${name} (epoch ${term.epoch})`);
          const before = leaders.get(term.epoch);
          if (before !== undefined && before !== name) return `${before} and ${name} both led in epoch ${term.epoch}`;
          leaders.set(term.epoch, name);
        }
        return current.length > 1 ? `at one time led ${current.join(" and ")}` : undefined;
      },
      done: ({ transaction }) => {
        for (const operation of transaction.operations) {
          if (operation.kind !== "put" || operation.key !== LEDGER_KEY) continue;
          const { epoch, directorId } = JSON.parse(Buffer.from(operation.value).toString()) as {
            epoch: number;
            directorId: string;
          };
          if (epoch < doneEpoch) {
            return `${directorId} wrote as the leader of epoch ${epoch} after ${doneBy} had as that of ${doneEpoch}`;
          }
          doneEpoch = epoch;
          doneBy = directorId;
        }
        return undefined;
      },
    };
  },
};
