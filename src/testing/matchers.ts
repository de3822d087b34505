import type { ClusterAssertionError } from "./cluster-log";
import { converged, drained, routed, type Verdict } from "./expectations";
import type { TestCluster } from "./test-cluster";
import type { TestWorker } from "./test-worker";

/** What a matcher gives to Jest or Vitest. */
export interface MatcherResult {
  readonly pass: boolean;
  message(): string;
}

/**
 * The expectations as matchers, for `expect.extend(heddleMatchers)` in Jest and Vitest:
 * `await expect(() => client.resize(…)).toRouteTo(worker)`, `await expect(worker).toDrainWithin(5_000)`,
 * `await expect(cluster).toConvergeWithin(10_000)`. With `.not`, the last two wait for the whole time.
 */
export const heddleMatchers = {
  async toRouteTo(call: () => Promise<unknown>, worker: TestWorker): Promise<MatcherResult> {
    return resultOf(worker.cluster, await routed(worker, call));
  },

  async toDrainWithin(worker: TestWorker, withinMs?: number): Promise<MatcherResult> {
    return resultOf(worker.cluster, await drained(worker, withinMs ?? 30_000));
  },

  async toConvergeWithin(cluster: TestCluster, withinMs?: number): Promise<MatcherResult> {
    return resultOf(cluster, await converged(cluster, withinMs ?? 30_000));
  },
};

/** For the declaration of the matchers' types: see docs/testing.md. */
export interface HeddleMatchers<R> {
  toRouteTo(worker: TestWorker): R;
  toDrainWithin(withinMs?: number): R;
  toConvergeWithin(withinMs?: number): R;
}

function resultOf(cluster: { failure(claim: string): ClusterAssertionError }, { pass, claim }: Verdict): MatcherResult {
  return { pass, message: () => cluster.failure(claim).message };
}
