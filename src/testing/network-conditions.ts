import { FabricError } from "../core/errors";
import type { Random } from "../core/random";

/** What a path between two processes does to what is sent on it. Ratios are from 0 to 1. */
export interface NetworkConditions {
  /** How long a packet takes, at least and at most, each equally likely. Default [1, 3]: one data centre. */
  readonly delayMs: readonly [least: number, most: number];
  /**
   * Packets that get lost, below 1. TCP sends such a one again, after 200 ms, then 400, 800 and so on, so nothing is missing
   * for good: it comes late, and all that is behind it on its connection waits for it. Default 0.
   *
   * To lose everything, use a block.
   */
  readonly dropRatio: number;
  /** Packets at which the connection is reset instead, for both ends, as a middlebox does that lost its state. Default 0. */
  readonly resetRatio: number;
  /**
   * Calls whose connection is reset when the end of their answer is about to arrive: they ran, and their callers cannot know.
   * This is what a duplicate is above TCP, which drops second copies of packets by itself: what may be repeated is repeated,
   * and runs twice; what may not be must not. Default 0.
   */
  readonly loseAnswerRatio: number;
}

export const GOOD_NETWORK: NetworkConditions = { delayMs: [1, 3], dropRatio: 0, resetRatio: 0, loseAnswerRatio: 0 };

/** Linux sends again after 200 ms at the earliest (TCP_RTO_MIN), and doubles that each time (RFC 6298, section 5.5). */
const RETRANSMIT_MS = 200;
/** After these, 12.6 s in a row, the packet gets through. */
const DROPS_MAX = 6;

/** @throws FabricError INVALID_ARGUMENT that names what is out of range */
export function networkConditions(base: NetworkConditions, change: Partial<NetworkConditions>): NetworkConditions {
  const conditions = { ...base, ...change };
  const [least, most] = conditions.delayMs;
  if (!(least >= 0 && most >= least)) {
    throw invalid("delayMs", `[${least}, ${most}]`, "two numbers, 0 or more, the smaller one first");
  }
  if (!(conditions.dropRatio >= 0 && conditions.dropRatio < 1)) {
    throw invalid("dropRatio", conditions.dropRatio, "from 0 to below 1; to lose everything, block the path");
  }
  for (const name of ["resetRatio", "loseAnswerRatio"] as const) {
    if (!(conditions[name] >= 0 && conditions[name] <= 1)) throw invalid(name, conditions[name], "from 0 to 1");
  }
  return conditions;
}

/** How long the next packet takes, with what is lost of it sent again. */
export function packetMs({ delayMs: [least, most], dropRatio }: NetworkConditions, random: Random): number {
  let delayMs = least + random.below(most - least + 1);
  if (dropRatio === 0) return delayMs;
  for (let drops = 0; drops < DROPS_MAX && random.unit() < dropRatio; drops += 1) delayMs += RETRANSMIT_MS * 2 ** drops;
  return delayMs;
}

export function happens(ratio: number, random: Random): boolean {
  return ratio > 0 && random.unit() < ratio;
}

function invalid(name: string, value: unknown, wanted: string): FabricError {
  return new FabricError("INVALID_ARGUMENT", `network ${name} is ${String(value)}; it must be ${wanted}`);
}
