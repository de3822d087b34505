import type { Worker } from "./worker";

/**
 * How a worker is, in one word for people: what an operator wants of it, what the cluster judges of it, and whether it has room, in the order
 * in which they matter. *full* has all its slots in use and is well; *gone* is dead or left.
 */
export type Situation =
  "ready" | "full" | "standby" | "joining" | "suspect" | "unready" | "draining" | "cordoned" | "maintenance" | "gone";

/** As they are listed: what needs a person first. */
export const SITUATIONS: readonly Situation[] = [
  "gone",
  "suspect",
  "unready",
  "full",
  "draining",
  "maintenance",
  "cordoned",
  "joining",
  "standby",
  "ready",
];

export function situationOf(worker: Worker): Situation {
  const { state, intent, ready, slots, inFlight } = worker;
  if (state === "dead" || state === "left") return "gone";
  if (state === "suspect") return "suspect";
  if (intent === "maintenance") return "maintenance";
  if (intent === "draining" || state === "draining") return "draining";
  if (intent === "cordoned") return "cordoned";
  if (state === "joining") return "joining";
  if (!ready) return "unready";
  if (slots > 0 && inFlight >= slots) return "full";
  return intent === "standby" ? "standby" : "ready";
}

/** Why it is so, in a sentence. */
export function reasonOf(worker: Worker): string {
  switch (situationOf(worker)) {
    case "gone":
      return worker.state === "left"
        ? `Left by its own choice${because(worker.stateReason)}`
        : `Judged dead${because(worker.stateReason)}`;
    case "suspect":
      return `Suspected to be gone${because(worker.stateReason)}`;
    case "draining":
      return worker.intent === "draining"
        ? `Finishes the calls it has${because(worker.intentReason)}`
        : `Is leaving${because(worker.stateReason)}`;
    case "maintenance":
      return `Out for maintenance${because(worker.intentReason)}`;
    case "cordoned":
      return `Gets no new calls${because(worker.intentReason)}`;
    case "joining":
      return `Known, but its address has not answered yet${because(worker.notReadyReason)}`;
    case "unready":
      return `Cannot be picked${because(worker.notReadyReason)}`;
    case "full":
      return `All ${worker.slots} slots are in use. It is well, and gets the next call when one of them ends`;
    case "standby":
      return `Used only when the others are full or gone${because(worker.intentReason)}`;
    case "ready":
      return "Takes calls";
  }
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}
