/**
 * What choosing a worker costs, in nanoseconds, for every built-in policy, through `Balancer.pick` as the director calls it.
 *
 * - pick: `Balancer.pick` alone, with calls in flight spread over the workers (0 to 8 on each, 64 slots). Nothing begins in
 *   between, so the cost of keeping an index is not in it.
 * - call: pick + begin + finish, the whole price of balancing a call: each step begins one call and finishes the one that
 *   began 64 steps before. Includes two readings of the system clock, whose price is printed beside it.
 * - publish: a new snapshot and the first pick from it, in ms, which makes the picker.
 *
 * Method: rounds visit every policy and size in a new random order, so that a disturbance hits all alike; the figure is the
 * median of the rounds. Sizes are numbers of ready workers; "100000/1%" adds a selector that 1 % of them match.
 *
 * Run: npm run build && node dist/test/bench/picker.js. The last line is one JSON object.
 */
import { cpus } from "node:os";
import { Balancer, type BalancerRequest } from "../../src/balancing/balancer";
import type { Accounting } from "../../src/balancing/endpoint";
import { POLICIES } from "../../src/balancing/policy-table";
import { TrackedEndpoint } from "../../src/balancing/tracked-endpoint";
import type { Clock } from "../../src/core/clock";
import { seededRandom } from "../../src/core/random";

const ROUNDS = 11;
/** Steps per measurement: some milliseconds, far above the clock's resolution. */
const PICKS = 50_000;
const CALLS = 20_000;
const IN_FLIGHT = 64;
/** Aims of the project for `pick`, by policy; ns. */
const AIMS: Record<string, number> = { "round-robin": 200, random: 200, "power-of-two-choices": 200, "peak-ewma": 200 };
const AIM_OTHERWISE = 1_000;

const SIZES = [
  { label: "10", workers: 10, match: undefined },
  { label: "1000", workers: 1_000, match: undefined },
  { label: "100000", workers: 100_000, match: undefined },
  { label: "100000/1%", workers: 100_000, match: "shard=7" },
] as const;
type Size = (typeof SIZES)[number];

const random = seededRandom(20_261);
const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => performance.now(),
  sleep: () => Promise.reject(new Error("the bench does not sleep")),
  after: () => () => {},
};

function workers(count: number): TrackedEndpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const endpoint = new TrackedEndpoint(
      `worker-${index}`,
      {
        address: `10.0.${index >> 8}.${index & 255}:62001`,
        services: ["heddle.compute.v1.ComputeService"],
        tags: { role: "worker", shard: String(index % 100) },
        slots: 64,
        reportedLoad: {
          cpuRatio: random.unit(),
          memoryRatio: random.unit(),
          diskRatio: 0,
          loadAverage: 1,
          inFlight: 0,
          loopLagMs: 1,
        },
      },
      { clock, slowStartMs: 0 },
    );
    endpoint.begin().finish("ok");
    for (let call = random.below(9); call > 0; call -= 1) endpoint.begin();
    return endpoint;
  });
}

function requests(policy: string, match: string | undefined): BalancerRequest[] {
  return Array.from({ length: 256 }, (_, index) => ({
    method: "heddle.compute.v1.ComputeService/Execute",
    match,
    ...(policy === "consistent-hash" ? { affinityKey: `session-${index}` } : {}),
  }));
}

function elapsedNs(startedAt: bigint): number {
  return Number(process.hrtime.bigint() - startedAt);
}

interface Sample {
  pickNs: number;
  callNs: number;
  publishMs: number;
}

function measure(policy: string, size: Size, endpoints: readonly TrackedEndpoint[]): Sample {
  const balancer = new Balancer<TrackedEndpoint>({ random, policy });
  const calls = requests(policy, size.match);
  const pick = (step: number): TrackedEndpoint => {
    const result = balancer.pick(calls[step & 255]!);
    if (result.kind !== "picked") throw new Error(`${policy} at ${size.label}: ${result.kind}`);
    return result.endpoint;
  };

  const publishedAt = process.hrtime.bigint();
  balancer.publish(endpoints);
  pick(0);
  const publishMs = elapsedNs(publishedAt) / 1e6;

  for (let step = 0; step < 2_000; step += 1) pick(step);
  const pickedAt = process.hrtime.bigint();
  for (let step = 0; step < PICKS; step += 1) pick(step);
  const pickNs = elapsedNs(pickedAt) / PICKS;

  const window: (Accounting | undefined)[] = new Array<undefined>(IN_FLIGHT).fill(undefined);
  const calledAt = process.hrtime.bigint();
  for (let step = 0; step < CALLS; step += 1) {
    const accounting = pick(step).begin();
    window[step % IN_FLIGHT]?.finish("ok");
    window[step % IN_FLIGHT] = accounting;
  }
  const callNs = elapsedNs(calledAt) / CALLS;

  for (const accounting of window) accounting?.finish("ok");
  balancer.publish([]);
  return { pickNs, callNs, publishMs };
}

function clockNs(): number {
  const startedAt = process.hrtime.bigint();
  let sum = 0;
  for (let step = 0; step < 1_000_000; step += 1) sum += clock.monotonicMs();
  return sum > 0 ? elapsedNs(startedAt) / 1_000_000 : 0;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

type Row = readonly [string, ...(string | number)[]];

function print(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}`);
  for (const [name, ...cells] of rows) {
    console.log(name.padEnd(22) + cells.map((cell) => String(cell).padStart(12)).join(""));
  }
}

const endpointsBySize = new Map([10, 1_000, 100_000].map((count) => [count, workers(count)]));
const cases = Object.keys(POLICIES).flatMap((policy) =>
  SIZES.map((size) => ({ policy, size, samples: [] as Sample[] })),
);
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const { policy, size, samples } of shuffled(cases)) {
    const sample = measure(policy, size, endpointsBySize.get(size.workers)!);
    if (round > 0) samples.push(sample); // the first round warms up
  }
}

const figures = (policy: string, figure: keyof Sample) =>
  cases
    .filter((each) => each.policy === policy)
    .map(({ samples }) => Math.round(median(samples.map((sample) => sample[figure])) * 10) / 10);
const policies = Object.keys(POLICIES);
const labels = SIZES.map(({ label }) => label);

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.version}, median of ${ROUNDS} interleaved rounds`);
print("ns per pick (Balancer.pick alone)", [
  ["policy", ...labels, "100000 : 10", "aim"],
  ...policies.map((policy): Row => {
    const ns = figures(policy, "pickNs");
    return [policy, ...ns, (ns[2]! / ns[0]!).toFixed(2), `<= ${AIMS[policy] ?? AIM_OTHERWISE}`];
  }),
]);
print(`ns per call (pick + begin + finish; of these ${Math.round(2 * clockNs())} for reading the clock twice)`, [
  ["policy", ...labels],
  ...policies.map((policy): Row => [policy, ...figures(policy, "callNs")]),
]);
print("ms per publish (snapshot, and the first pick from it)", [
  ["policy", ...labels],
  ...policies.map((policy): Row => [policy, ...figures(policy, "publishMs")]),
]);

const picker = Object.fromEntries(
  policies.map((policy) => [
    policy,
    Object.fromEntries(figures(policy, "pickNs").map((ns, index) => [labels[index]!, ns])),
  ]),
);
console.log(JSON.stringify({ picker }));
