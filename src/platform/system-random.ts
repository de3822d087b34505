import { randomInt } from "node:crypto";
import { type Random, seededRandom } from "../core/random";

/** Chance that differs from process to process: the seeded generator, seeded by the system. Not for secrets. */
export function systemRandom(): Random {
  return seededRandom(randomInt(0x1_0000_0000));
}
