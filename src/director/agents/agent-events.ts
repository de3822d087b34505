import type { AgentRecord } from "../../core/agent";
import type { MemberEvent } from "../../core/attach-messages";

type AgentEvent = Pick<MemberEvent, "kind" | "detail" | "memberId"> & { readonly agent: string };

/** What happened to an agent, by its record before and after; `undefined` for nothing that people are told of. */
export function describeAgent(before: AgentRecord | undefined, after: AgentRecord | undefined): AgentEvent | undefined {
  if (!after) {
    const isNews = before !== undefined && before.state !== "released";
    return isNews ? eventOf(before, "agent-released", "its record is gone") : undefined;
  }
  const isPlacedAnew = after.generation !== (before?.generation ?? 0);
  switch (after.state) {
    case "released":
      return before && eventOf(before, "agent-released", after.reason);
    case "failed":
      return before?.state === "failed" && !isPlacedAnew ? undefined : eventOf(after, "agent-failed", after.reason);
    case "pending":
      return before?.state === "pending" ? undefined : eventOf(after, "agent-pending", after.reason);
    case "starting":
    case "running": {
      if (!isPlacedAnew) return undefined;
      const from = before?.memberId ?? "";
      if (from === "" || from === after.memberId) return eventOf(after, "agent-assigned", after.reason);
      return eventOf(after, "agent-moved", `from ${from} to ${after.memberId}: ${after.reason}`);
    }
  }
}

function eventOf({ name, memberId }: AgentRecord, kind: AgentEvent["kind"], detail: string): AgentEvent {
  return { kind, agent: name, memberId, detail };
}
