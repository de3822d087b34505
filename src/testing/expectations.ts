import type { TestCluster } from "./test-cluster";
import type { TestWorker } from "./test-worker";

/** What came of looking: whether it holds, and what to say if it should not be so. */
export interface Verdict {
  readonly pass: boolean;
  readonly claim: string;
}

/** Looks where a call goes: the worker that the last of its attempts arrived at. */
export async function routed<T>(
  worker: TestWorker,
  call: () => Promise<T>,
): Promise<Verdict & { readonly answer: T | undefined }> {
  const { cluster } = worker;
  const startedMs = cluster.nowMs;
  const before = cluster.arrivals.at(-1);
  const { answer, outcome } = await cluster.outcome(outcomeOf(call()));
  const attempts = cluster.arrivals.slice(before ? cluster.arrivals.lastIndexOf(before) + 1 : 0);
  const at = attempts.map((arrival) => arrival.worker).join(", then ") || "no worker";
  const tookMs = cluster.nowMs - startedMs;
  return {
    pass: attempts.at(-1)?.worker === worker.name && outcome === "answered",
    claim: `A call that was to go to ${worker.name} went to ${at}: ${outcome} after ${tookMs} ms`,
    answer,
  };
}

async function outcomeOf<T>(call: Promise<T>): Promise<{ answer: T | undefined; outcome: string }> {
  try {
    return { answer: await call, outcome: "answered" };
  } catch (error) {
    return { answer: undefined, outcome: String(error) };
  }
}

/** Waits until no director gives the worker calls and it runs none. */
export async function drained(worker: TestWorker, withinMs: number): Promise<Verdict> {
  const { cluster } = worker;
  const deadlineMs = cluster.nowMs + withinMs;
  for (;;) {
    const givenBy: string[] = [];
    for (const director of cluster.directors) {
      if (director.state === "running" && (await director.ready()).includes(worker.name)) givenBy.push(director.name);
    }
    const pass = givenBy.length === 0 && worker.inFlight === 0;
    if (pass || cluster.nowMs >= deadlineMs) {
      const given = givenBy.length > 0 ? `is given calls by ${givenBy.join(", ")}` : "is given none";
      const claim = `${worker.name} runs ${worker.inFlight} calls and ${given}; it was to be drained within ${withinMs} ms`;
      return { pass, claim };
    }
    await cluster.advance(Math.min(10, deadlineMs - cluster.nowMs));
  }
}

/** Waits until every running director gives calls to exactly the running workers, and all show the same members. */
export async function converged(cluster: TestCluster, withinMs: number): Promise<Verdict> {
  const deadlineMs = cluster.nowMs + withinMs;
  const running = cluster.workers.filter(({ state }) => state === "running").map(({ name }) => name);
  const wanted = running.sort().join(", ");
  for (;;) {
    const views: string[] = [];
    const mistakes: string[] = [];
    for (const director of cluster.directors) {
      if (director.state !== "running") continue;
      const members = await director.members();
      const ready = members.filter((member) => member.ready).map(({ name }) => name);
      if (ready.sort().join(", ") !== wanted) mistakes.push(`${director.name} gives calls to [${ready.join(", ")}]`);
      views.push(members.map(({ name, state, home }) => `${name} is ${state} at ${home}`).join("; "));
    }
    if (mistakes.length === 0 && new Set(views).size > 1)
      mistakes.push(`they show: ${[...new Set(views)].join(" | ")}`);
    const pass = mistakes.length === 0;
    if (pass || cluster.nowMs >= deadlineMs) {
      const seen = pass ? "do" : `do not: ${mistakes.join("; ")}`;
      return { pass, claim: `All directors, within ${withinMs} ms, give calls to [${wanted}]: they ${seen}` };
    }
    await cluster.advance(Math.min(50, deadlineMs - cluster.nowMs));
  }
}

/**
 * Makes a call and waits for its answer, which it gives back. The call is to be answered by this worker.
 * @throws ClusterAssertionError when another one answered, or it failed
 */
export async function expectRoutedTo<T>(worker: TestWorker, call: () => Promise<T>): Promise<T> {
  const { pass, claim, answer } = await routed(worker, call);
  if (!pass) throw worker.cluster.failure(claim);
  return answer as T;
}

/**
 * Waits until the worker runs no call and no running director gives it any; in virtual time. Default 30,000.
 * @throws ClusterAssertionError that says what is left
 */
export async function expectDrainedWithin(worker: TestWorker, withinMs = 30_000): Promise<void> {
  const { pass, claim } = await drained(worker, withinMs);
  if (!pass) throw worker.cluster.failure(claim);
}

/**
 * Waits until every running director gives calls to all running workers and to no other, and all show the same members in the
 * same states, at the same directors; in virtual time. Default 30,000.
 * @throws ClusterAssertionError that says who sees what
 */
export async function expectConverged(cluster: TestCluster, withinMs = 30_000): Promise<void> {
  const { pass, claim } = await converged(cluster, withinMs);
  if (!pass) throw cluster.failure(claim);
}
