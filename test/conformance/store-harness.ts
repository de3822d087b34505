import { setTimeout as wait } from "node:timers/promises";
import type { Store, StoreEntry } from "../../src/store/store";

/** What the conformance suite needs of an engine; made anew for every test. */
export interface StoreHarness {
  /** Empty. */
  readonly store: Store;
  /** The shortest TTL that the engine has. */
  readonly ttlMs: number;
  /** Polls until the condition holds; rejects, naming the claim, when it does not within `withinMs` of the store's clock. */
  eventually(claim: string, withinMs: number, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Lets time pass on the store's clock. */
  elapse(durationMs: number): Promise<void>;
  /** The process that has `store` dies without a word. Resolves to the same record, as another process sees it. */
  ownerDies(): Promise<Store>;
  /** What keeps the record dies and comes back. Resolves to the record. */
  storeCrashes(): Promise<Store>;
  dispose(): Promise<void>;
}

/** `eventually` on the real clock. `step` lets other time pass between two looks. */
export async function eventually(
  claim: string,
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
  step: () => Promise<void> = () => wait(10),
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`Not so within ${withinMs} ms: ${claim}`);
    await step();
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(entry: StoreEntry | undefined): string | undefined {
  return entry && new TextDecoder().decode(entry.value);
}
