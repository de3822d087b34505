import { seededRandom } from "../../src/core/random";
import type { Http2Options } from "../../src/http2/options";
import { systemClock } from "../../src/platform/system-clock";

/** What the engine must be given, on the real clock. */
export function engineOptions(options: Partial<Http2Options> = {}): Http2Options {
  return { clock: systemClock, random: seededRandom(1), ...options };
}
