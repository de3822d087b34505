import type { Clock } from "../../core/clock";
import type { Logger } from "../../core/logger";

/** One line for each limit in this time, at most. */
const QUIET_MS = 10_000;

/** Says who went over which limit. A flood must not become one of log lines: what was left unsaid is counted in the next one. */
export class LimitLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #said = new Map<string, { atMs: number; unsaid: number }>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `limit` is one of few names: a limit of the engine, or a setting. */
  over(limit: string, peer: string): void {
    this.#say(limit, (times) => {
      this.#logger.warn(`🚧 a client went over the limit ${limit}${times}`, { limit, peer });
    });
  }

  unauthorized(peer: string, reason: string): void {
    this.#say("", (times) => {
      this.#logger.warn(`🔒 a client was refused for its certificate: ${reason}${times}`, { peer });
    });
  }

  #say(topic: string, say: (times: string) => void): void {
    const nowMs = this.#clock.monotonicMs();
    const last = this.#said.get(topic);
    if (last !== undefined && nowMs - last.atMs < QUIET_MS) {
      last.unsaid += 1;
      return;
    }
    const unsaid = last?.unsaid ?? 0;
    this.#said.set(topic, { atMs: nowMs, unsaid: 0 });
    say(unsaid > 0 ? ` (and ${unsaid} times more since that was last said)` : "");
  }
}
