import type { PhiAccrualOptions } from "./phi-accrual";

/** Every number that membership judges by. */
export interface MembershipOptions {
  /** How often workers beat unless an attach says otherwise. Default 1,000. */
  readonly heartbeatIntervalMs: number;
  /**
   * How often the director ticks. Default 0.1 × heartbeat interval, 10 to 1,000: adds at most that to the time to detect, at
   * one comparison per member and tick. A tick that comes later counts as the director's own stall.
   */
  readonly tickIntervalMs: number;
  /** What is to differ from `phiAccrualDefaults` of each worker's interval. */
  readonly detector: Partial<Omit<PhiAccrualOptions, "expectedIntervalMs">>;
  /**
   * Lateness of a tick that is no stall. Default half a tick, at least 20 ms: timers are late by a few milliseconds on a
   * loop that does its work. What it lets pass is covered by the detector's acceptable pause.
   */
  readonly stallToleranceMs: number;
  /**
   * Longest time after a stall of the director's own in which nobody is judged. Default one heartbeat interval: whoever is
   * alive has beaten in it, even if everything that waited in the sockets was lost.
   */
  readonly stallGraceMs: number;
  /** Members asked to probe a suspect. Default 3, SWIM's k: one broken path among them does not decide. 0 asks nobody. */
  readonly probeFanout: number;
  /** Default one heartbeat interval, at least 500: a probe may have to open a connection. */
  readonly probeTimeoutMs: number;
  /**
   * How long a suspect whose stream broke may take to attach again while it can be reached. Default 10,000: a worker's
   * backoff after a break, with room for a few attempts.
   */
  readonly reattachGraceMs: number;
  /**
   * How long a suspect may stay silent while it can be reached. Default 10 heartbeat intervals: the process is stopped or
   * its loop is blocked, and both may pass. It gets no calls meanwhile. Grows in proportion for a worker that beats slower.
   */
  readonly suspectTimeoutMs: number;
  /** How long the dead are kept for people to see, and their incarnation to be refused. Default 60,000. */
  readonly deadTtlMs: number;
  /** How long those that left are kept. Default 10,000: they are no cause for worry. */
  readonly leftTtlMs: number;
  /**
   * How long dead members without an agent are kept. Default 24 hours: somebody registered them by hand or script and
   * expects to find them offline, and to bring them back by one report, until they are removed.
   */
  readonly reportedDeadTtlMs: number;
  /**
   * More than this share of the members lost within one heartbeat interval freezes evictions for `suspectTimeoutMs`. 0–1.
   * Default 0.5: so many at once is more likely our own network than theirs.
   */
  readonly lossRatio: number;
  /** Fewer lost members than this never freeze evictions. Default 5: in a small cluster half of it can well die together. */
  readonly lossMin: number;
}

export function membershipDefaults(heartbeatIntervalMs: number): MembershipOptions {
  const tickIntervalMs = Math.min(1_000, Math.max(10, heartbeatIntervalMs / 10));
  return {
    heartbeatIntervalMs,
    tickIntervalMs,
    detector: {},
    stallToleranceMs: Math.max(20, tickIntervalMs / 2),
    stallGraceMs: heartbeatIntervalMs,
    probeFanout: 3,
    probeTimeoutMs: Math.max(500, heartbeatIntervalMs),
    reattachGraceMs: 10_000,
    suspectTimeoutMs: 10 * heartbeatIntervalMs,
    deadTtlMs: 60_000,
    leftTtlMs: 10_000,
    reportedDeadTtlMs: 24 * 60 * 60_000,
    lossRatio: 0.5,
    lossMin: 5,
  };
}
