import type { Endpoint } from "./endpoint";

/** Slots that a worker without a bound is compared by: at this many calls it counts as half full. */
const UNBOUNDED_SLOTS = 100;

/** Calls it executes now, whoever sent them. */
export function usedSlots(endpoint: Endpoint): number {
  return endpoint.inFlight + endpoint.foreignCalls;
}

/** The share of its slots in use, 0–1. */
export function slotRatio(endpoint: Endpoint): number {
  const used = usedSlots(endpoint);
  return endpoint.slots > 0 ? Math.min(1, used / endpoint.slots) : used / (used + UNBOUNDED_SLOTS);
}

/** How many more calls it would take; above 0 unless it is full. */
export function freeSlots(endpoint: Endpoint): number {
  const slots = endpoint.slots > 0 ? endpoint.slots : UNBOUNDED_SLOTS;
  // A worker that foreign calls seem to fill still gets the smallest share: it may be free again, and refuses if it is not.
  return endpoint.isFull ? 0 : Math.max(0.5, slots * (1 - slotRatio(endpoint)));
}
