import { shellWord } from "./words";

/** What an operator can do here, each of which is one RPC and one command. */
export type Action =
  | { readonly kind: "drain" | "maintenance" | "cordon" | "standby" | "resume"; readonly memberId: string }
  | { readonly kind: "watch-drain" | "remove"; readonly memberId: string }
  | { readonly kind: "policy"; readonly policy: string; readonly policies: readonly string[] }
  | { readonly kind: "transfer"; readonly leaderId: string; readonly candidates: readonly string[] }
  | { readonly kind: "release-agent"; readonly agent: string }
  | { readonly kind: "rebalance" };

export type ActionKind = Action["kind"];

/** What is filled in before it is done. */
export interface ActionForm {
  readonly reason: string;
  readonly author: string;
  /** Of a drain, in minutes; 0 for no deadline. */
  readonly deadlineMinutes: number;
  readonly force: boolean;
  /** A policy, or a director; "" for any. */
  readonly choice: string;
}

export interface ActionWords {
  readonly title: string;
  /** What it does, and how it is undone. */
  readonly explanation: string;
  /** On the button. */
  readonly verb: string;
  readonly reason: "required" | "optional" | "none";
}

export function wordsOf(action: Action): ActionWords {
  switch (action.kind) {
    case "drain":
      return {
        title: `Drain ${action.memberId}`,
        explanation:
          "It gets no new calls and finishes those it has. Closing this does not end the drain; Resume does.",
        verb: "Drain",
        reason: "required",
      };
    case "watch-drain":
      return {
        title: `The drain of ${action.memberId}`,
        explanation: "Watching changes nothing. Resume ends the drain.",
        verb: "Watch",
        reason: "none",
      };
    case "maintenance":
      return {
        title: `Take ${action.memberId} out for maintenance`,
        explanation: "As a drain, for work on its machine. It stays out until Resume, also when it is started again.",
        verb: "Begin maintenance",
        reason: "required",
      };
    case "cordon":
      return {
        title: `Cordon ${action.memberId}`,
        explanation: "It gets no new calls; those it has go on, and nobody waits for their end. Resume ends it.",
        verb: "Cordon",
        reason: "required",
      };
    case "standby":
      return {
        title: `Hold ${action.memberId} in standby`,
        explanation: "It is used only when the others are full or gone. Resume ends it.",
        verb: "Hold in standby",
        reason: "optional",
      };
    case "resume":
      return {
        title: `Resume ${action.memberId}`,
        explanation: "It takes calls again: a drain, a maintenance, a cordon or a standby is over.",
        verb: "Resume",
        reason: "optional",
      };
    case "remove":
      return {
        title: `Forget ${action.memberId}`,
        explanation: "Its record goes, and its stream is closed. A worker that still runs attaches again.",
        verb: "Forget",
        reason: "required",
      };
    case "policy":
      return {
        title: "Switch the balancing policy",
        explanation: "Every director picks by it from now on; calls that run are not touched.",
        verb: "Switch",
        reason: "none",
      };
    case "transfer":
      return {
        title: "Transfer the leadership",
        explanation:
          "The leader steps down for another director. It decides about agents and orphans; calls do not depend on it.",
        verb: "Transfer",
        reason: "none",
      };
    case "release-agent":
      return {
        title: `Release ${action.agent}`,
        explanation: "The agent is taken off its worker and forgotten.",
        verb: "Release",
        reason: "required",
      };
    case "rebalance":
      return {
        title: "Rebalance the agents",
        explanation: "Agents move from workers that have many to such as have few: ten at most.",
        verb: "Rebalance",
        reason: "optional",
      };
  }
}

/** The command that does the same. */
export function commandOf(action: Action, form: ActionForm): string {
  return ["heddle", ...wordsOfCommand(action, form)].map(shellWord).join(" ");
}

function wordsOfCommand(action: Action, form: ActionForm): string[] {
  const reason = form.reason.trim() === "" ? [] : ["--reason", form.reason.trim()];
  const author = form.author.trim() === "" ? [] : ["--by", form.author.trim()];
  switch (action.kind) {
    case "drain":
    case "maintenance":
      return ["nodes", "drain", action.memberId, ...drainFlags(action.kind, form), ...reason, ...author];
    case "cordon":
    case "standby":
    case "resume":
      return ["nodes", action.kind, action.memberId, ...reason, ...author];
    case "watch-drain":
      return ["nodes", "drain", action.memberId];
    case "remove":
      return ["nodes", "rm", action.memberId, ...reason];
    case "policy":
      return ["balance", "set", form.choice || action.policy];
    case "transfer":
      return ["leader", "transfer", ...(form.choice === "" ? [] : [form.choice])];
    case "release-agent":
      return ["assignments", "rm", action.agent, ...reason];
    case "rebalance":
      return ["assignments", "rebalance", ...reason];
  }
}

function drainFlags(kind: "drain" | "maintenance", { deadlineMinutes, force }: ActionForm): string[] {
  return [
    ...(deadlineMinutes === 0 ? ["--no-deadline"] : ["--deadline", `${deadlineMinutes}m`]),
    ...(force ? ["--force"] : []),
    ...(kind === "maintenance" ? ["--maintenance"] : []),
  ];
}
