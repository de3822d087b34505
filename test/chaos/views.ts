import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../../src/core/errors";
import type { DirectorNode } from "./fabric";
import { nowMs } from "./history";

const EVERY_MS = 100;
const ANSWER_WITHIN_MS = 2_000;

/** One director's view, as a text that is equal when the views are. */
async function viewOf(
  { client }: DirectorNode,
  workers: readonly string[],
): Promise<{ view: string; missing: string }> {
  const { members } = await client.director.listMembers({}, { timeoutMs: ANSWER_WITHIN_MS });
  const rows = members.map(
    ({ memberId, address, incarnation, state, ready, intent }) =>
      `${memberId} ${address} ${incarnation} state ${state} ${ready ? "ready" : "not ready"} ${intent?.kind} ${intent?.reason}`,
  );
  const { policy } = await client.director.getBalancing({}, { timeoutMs: ANSWER_WITHIN_MS });
  const missing = workers.flatMap((label) => {
    const member = members.find(({ memberId }) => memberId === label);
    return member?.ready ? [] : [`${label}: ${member?.notReadyReason ?? "unknown"}`];
  });
  return { view: [...rows.sort(), policy].join("\n"), missing: missing.join(", ") };
}

/**
 * Resolves to the time it took until all directors saw the same, every worker ready in it; and to what still differs, if they do
 * not within the time.
 */
export async function convergence(
  directors: readonly DirectorNode[],
  workers: readonly string[],
  withinMs: number,
): Promise<{ readonly tookMs: number; readonly difference: string }> {
  const startMs = nowMs();
  for (;;) {
    const difference = await differenceOf(directors, workers);
    const tookMs = nowMs() - startMs;
    if (difference === "" || tookMs > withinMs) return { tookMs, difference };
    await wait(EVERY_MS);
  }
}

async function differenceOf(directors: readonly DirectorNode[], workers: readonly string[]): Promise<string> {
  try {
    const views = await Promise.all(directors.map((director) => viewOf(director, workers)));
    for (const [index, { view, missing }] of views.entries()) {
      const { id } = directors[index]!;
      if (missing !== "") return `${id} has not ready: ${missing}`;
      if (view !== views[0]!.view)
        return `${id} and ${directors[0]!.id} differ:\n${lineDifference(views[0]!.view, view)}`;
    }
    return "";
  } catch (error) {
    return `a director does not answer: ${messageOf(error)}`;
  }
}

function lineDifference(one: string, other: string): string {
  const [ones, others] = [one.split("\n"), other.split("\n")];
  return [
    ...ones.filter((line) => !others.includes(line)).map((line) => `- ${line}`),
    ...others.filter((line) => !ones.includes(line)).map((line) => `+ ${line}`),
  ].join("\n");
}
