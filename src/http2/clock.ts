/** The engine's view of time: what `Clock` of the surrounding program offers has this shape, and is handed in as it is. */
export interface EngineClock {
  /** Milliseconds from an arbitrary origin; never goes back. */
  monotonicMs(): number;
  /** Runs `callback` once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

/** The engine's view of chance: PING payloads that a peer cannot guess, and jitter. */
export interface EngineRandom {
  /** An integer from 0 to `bound` − 1. */
  below(bound: number): number;
}
