import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { HEDDLE } from "../bench/relay/contestants";
import { cpuUsOf, waitedUsOf } from "../bench/measure/process-cpu";
import type { Processes } from "../support/processes";
import type { Attack } from "./attack";
import type { Goodput } from "./innocent-slice";
import { isAlive, residentBytes } from "./resident-memory";
import type { SeenByAttacker } from "./sightings";
import type { Target } from "./targets";

/** What the innocents get during an attack, relative to before. */
export const GOODPUT_MIN = 0.9;
export const GROWTH_BYTES_MAX = 64 * 1_048_576;
/** Innocents that differ by more without any attack, before and after, tell of a neighbour's noise. */
export const NOISE_MAX = 0.1;

/** A target that waited for a processor for more of the time than this was held up by others. */
const STARVED_MIN = 0.4;

/** Of the attacker: low enough to leave the machine to the others, not so low that on a busy one nothing comes of it. */
const NICENESS = "5";

const SAMPLE_MS = 100;
/** How long calls of the attacker may stay after it has gone, until the target counts as one that leaks them. */
const SETTLE_MS = 3_000;

/** What one attack did to one target. */
export interface Outcome {
  readonly attack: string;
  readonly crashed: boolean;
  readonly before: Goodput;
  readonly during: Goodput;
  readonly after: Goodput;
  /** Of the target's process, relative to just before: at the worst, and in the end. */
  readonly growthBytes: number;
  readonly keptBytes: number;
  /** Of one core. */
  readonly cpuRatio: number;
  /** Share of the attack in which the target was ready to run and had no processor. */
  readonly waitedRatio: number;
  /** Calls that were still in hand long after the attacker had gone; 0 where nobody counts them. */
  readonly leakedCalls: number;
  readonly seen: SeenByAttacker;
}

export interface StrikeOptions {
  readonly attackMs: number;
  readonly idleMs: number;
  readonly workerAddress: string;
}

/** The share of what innocents got before the attack that they got during it. */
export function goodputRatio({ before, during }: Outcome): number {
  return before.ratio === 0 ? 0 : during.ratio / before.ratio;
}

/** Nothing is proved by what happened on a machine that others used up meanwhile. */
export function isNoisy(outcome: Outcome): boolean {
  const { before, during, after, crashed, waitedRatio } = outcome;
  if (crashed) return false;
  const isStarved = waitedRatio > STARVED_MIN || during.leftOutRatio > STARVED_MIN;
  return Math.abs(before.ratio - after.ratio) > NOISE_MAX || (isStarved && failureOf(outcome) !== "");
}

/** What an outcome fails by; "" when by nothing. */
export function failureOf(outcome: Outcome): string {
  const failures: string[] = [];
  if (outcome.crashed) failures.push("crashed");
  if (goodputRatio(outcome) < GOODPUT_MIN) failures.push(`goodput ${goodputRatio(outcome).toFixed(2)}`);
  if (outcome.growthBytes > GROWTH_BYTES_MAX) failures.push(`grew by ${mebibytes(outcome.growthBytes)} MiB`);
  if (outcome.leakedCalls > 0) failures.push(`${outcome.leakedCalls} calls left in hand`);
  return failures.join(", ");
}

export const mebibytes = (bytes: number) => (bytes / 1_048_576).toFixed(0);

/** Idle, attack, idle; then everything is looked at. */
export async function strike(
  processes: Processes,
  target: Target,
  attack: Attack,
  { attackMs, idleMs, workerAddress }: StrikeOptions,
): Promise<Outcome> {
  const { pid, address } = target.proxy;
  const idleFromMs = Date.now();
  await wait(idleMs);
  const rssBefore = residentBytes(pid);
  const cpuBefore = cpuUsOf(pid);
  const waitedBefore = waitedUsOf(pid);
  const fromMs = Date.now();

  const script = join(__dirname, "attacker.js");
  const transport = target.tls ? "tls" : "plain";
  const attach = target.name === HEDDLE ? "attach" : "";
  const args = [
    "-n",
    NICENESS,
    process.execPath,
    script,
    attack.name,
    address,
    transport,
    String(attackMs),
    workerAddress,
    attach,
  ];
  const attacker = await processes.spawn("nice", { name: attack.name, args });
  let peakBytes = rssBefore;
  const sample = () => (peakBytes = Math.max(peakBytes, residentBytes(pid)));
  const sampler = setInterval(sample, SAMPLE_MS);
  await attacker.whenExited(attackMs + 60_000);
  const toMs = Date.now();
  const cpuUs = cpuUsOf(pid) - cpuBefore;
  const waitedUs = waitedUsOf(pid) - waitedBefore;

  const leakedCalls = await callsLeft(target);
  const idleAgainMs = Date.now();
  await wait(idleMs);
  const idleOverMs = Date.now();
  clearInterval(sampler);
  sample();
  return {
    attack: attack.name,
    crashed: !isAlive(pid),
    before: await target.innocents.between(idleFromMs, fromMs),
    during: await target.innocents.between(fromMs, toMs),
    after: await target.innocents.between(idleAgainMs, idleOverMs),
    growthBytes: Math.max(0, peakBytes - rssBefore),
    keptBytes: residentBytes(pid) - rssBefore,
    cpuRatio: cpuUs / 1_000 / (toMs - fromMs),
    waitedRatio: Math.max(0, waitedUs) / 1_000 / (toMs - fromMs),
    leakedCalls,
    seen: lastReport(attacker.lines),
  };
}

/** Waits until our target has nothing in hand, which between two innocent calls it has not; resolves to what it had at last. */
async function callsLeft(target: Target): Promise<number> {
  const untilMs = performance.now() + SETTLE_MS;
  for (;;) {
    let left = 1; // of one that does not answer
    try {
      const { inFlight, queued } = (await target.inHand?.()) ?? { inFlight: 0, queued: 0 };
      left = inFlight + queued;
    } catch {
      // Asked again, until the time is over.
    }
    if (left === 0 || !isAlive(target.proxy.pid)) return 0;
    if (performance.now() > untilMs) return left;
    await wait(20);
  }
}

function lastReport(lines: readonly string[]): SeenByAttacker {
  const line = lines.findLast((each) => each.startsWith("{"));
  if (line === undefined)
    return { connections: 0, ended: 0, sentBytes: 0, answers: { [lines.join(" ").slice(0, 200)]: 1 } };
  return JSON.parse(line) as SeenByAttacker;
}
