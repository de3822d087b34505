/**
 * What a worker and each of its directors say to each other about its slots (proto/heddle/v1/capacity.proto): every grant is answered by a
 * claim at once.
 */

/** Director to worker. */
export interface CapacityClaim {
  readonly directorId: string;
  /** Of the latest grant that the director acts by; 0 before the first. */
  readonly revision: number;
  /** Calls that it has on the worker. */
  readonly inFlight: number;
  /** Calls that it would send if it had more slots. */
  readonly waiting: number;
}

/** Worker to director. */
export interface CapacityGrant {
  /** Counts from 1. */
  readonly revision: number;
  /** Calls that the director may have on the worker at once; Infinity where the worker has no bound. */
  readonly slots: number;
  /** The worker leaves, and is to be picked no more. */
  readonly isDraining: boolean;
}
