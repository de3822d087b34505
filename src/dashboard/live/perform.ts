import type { Action, ActionForm } from "../model/actions";
import { callAgents, callDirector, drain, type DrainProgress } from "./rpc";

const INTENT_KINDS = {
  cordon: "INTENT_KIND_CORDONED",
  standby: "INTENT_KIND_STANDBY",
  resume: "INTENT_KIND_SERVING",
} as const;

/**
 * Carries out an action by the director of this id, and resolves to what came of it in words. A drain is told of until it is over or `signal`
 * aborts, which ends the telling and not the drain.
 * @throws Error with what the director says
 */
export async function perform(
  directorId: string,
  action: Action,
  form: ActionForm,
  signal: AbortSignal,
  tell: (progress: DrainProgress) => void,
): Promise<string> {
  const reason = form.reason.trim();
  const setBy = form.author.trim();
  switch (action.kind) {
    case "drain":
    case "maintenance": {
      const { memberId, kind } = action;
      const deadlineMs = form.deadlineMinutes * 60_000;
      const body = { memberId, reason, setBy, deadlineMs, force: form.force, maintenance: kind === "maintenance" };
      await drain(directorId, body, signal, tell);
      return "";
    }
    case "watch-drain":
      await drain(directorId, { memberId: action.memberId, watchOnly: true }, signal, tell);
      return "";
    case "cordon":
    case "standby":
    case "resume": {
      const kind = INTENT_KINDS[action.kind];
      await callDirector(directorId, "SetIntent", { memberId: action.memberId, kind, reason, setBy });
      return "Done.";
    }
    case "remove":
      await callDirector(directorId, "RemoveMember", { memberId: action.memberId, reason });
      return "Forgotten.";
    case "policy": {
      const answer = await callDirector<{ policy?: string }>(directorId, "SetBalancing", { policy: form.choice });
      return `The policy is ${answer.policy ?? form.choice}.`;
    }
    case "transfer": {
      const body = { directorId: form.choice };
      const answer = await callDirector<{ directorId?: string }>(directorId, "TransferLeadership", body);
      return `${answer.directorId ?? "Another director"} leads now.`;
    }
    case "release-agent":
      await callAgents(directorId, "ReleaseAgent", { name: action.agent, reason });
      return "Released.";
    case "rebalance": {
      const { moves = [] } = await callAgents<{ moves?: readonly { name?: string; toMemberId?: string }[] }>(
        directorId,
        "RebalanceAgents",
        { reason },
      );
      if (moves.length === 0) return "Nothing to move: they are spread already.";
      return `Moved ${moves.map((move) => `${move.name} to ${move.toMemberId}`).join(", ")}.`;
    }
  }
}
