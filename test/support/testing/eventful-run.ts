import { ComputeServiceDefinition } from "../../../src/wire/contract";
import { createTestCluster, expectConverged } from "../../../src/testing";

const sleepFor = (ms: number) => ({ task: "sleep", parameters: new Map([["ms", String(ms)]]) });

/** A run with every kind of fault in it, under calls. Gives its log, and how each call ended. */
export async function eventfulRun(seed: number): Promise<string[]> {
  const network = { delayMs: [1, 20] as const, dropRatio: 0.02, resetRatio: 0.002, loseAnswerRatio: 0.02 };
  const cluster = await createTestCluster({ seed, directors: 3, workers: 4, network });
  const [one, two, three] = cluster.directors;
  const compute = cluster.client().client(ComputeServiceDefinition);
  const endings: Promise<string>[] = [];
  for (let second = 0; second < 20; second += 1) {
    for (const ms of [10, 400, 1_500]) {
      const call = compute.execute(sleepFor(ms));
      endings.push(
        call.then(
          ({ workerLabel }) => workerLabel,
          (error: Error) => error.message,
        ),
      );
    }
    if (second === 2) cluster.network.block("worker-1", one!);
    if (second === 3) await cluster.worker(2).kill();
    if (second === 4) two!.freeze();
    if (second === 5) cluster.store.degrade({ refuseRatio: 0.1, loseAnswerRatio: 0.2, cutRatio: 0.1, delayMaxMs: 30 });
    if (second === 6) await cluster.store.loseLeases(three!);
    if (second === 7) cluster.network.partition(three!, cluster.store);
    if (second === 8) cluster.worker(3).stepWallClock(-3_600_000);
    if (second === 9) cluster.worker(4).driftClock(0.05);
    if (second === 10) cluster.store.beginOutage();
    if (second === 13) cluster.store.endOutage();
    if (second === 14) two!.thaw();
    if (second === 15) await one!.kill({ silently: true });
    if (second === 17) cluster.network.heal();
    if (second === 18) await one!.restart();
    await cluster.advance(1_000);
  }
  cluster.store.degrade({ refuseRatio: 0, loseAnswerRatio: 0, cutRatio: 0, delayMaxMs: 0 });
  cluster.network.degrade({ dropRatio: 0, resetRatio: 0, loseAnswerRatio: 0 });
  await cluster.worker(2).start();
  await expectConverged(cluster, 120_000);
  const ended = await cluster.outcome(Promise.all(endings));
  await cluster.close();
  return [...cluster.log, ...ended];
}
