import { setTimeout as wait } from "node:timers/promises";

import type { Election } from "../../src/store/election";
import type { Store } from "../../src/store/store";

/** What a leader wrote. */
export interface LedgerEntry {
  readonly name: string;
  readonly epoch: number;
}

/**
 * A singleton's work: writes its name and epoch into one key every few milliseconds, through its fence, for as long as it believes that it
 * leads. `beforeWrite` is called each time. Ends with `signal`.
 */
export async function writeLedger(
  director: { readonly name: string; readonly election: Election; readonly store: Store },
  key: string,
  beforeWrite: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { name, election, store } = director;
  while (!signal.aborted) {
    const term = election.term();
    if (term) {
      beforeWrite();
      const entry: LedgerEntry = { name, epoch: term.epoch };
      const operations = [{ kind: "put", key, value: Buffer.from(JSON.stringify(entry)) }] as const;
      await store.commit({ conditions: [term.fence], operations }).catch(() => {});
    }
    await wait(10);
  }
}
