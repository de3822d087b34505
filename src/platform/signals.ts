import { constants } from "node:os";

export type StopSignal = "SIGINT" | "SIGTERM";

const STOP_SIGNALS: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

/** The part of `process` that is used here; tests hand in their own. */
export interface SignalSource {
  on(event: StopSignal, listener: () => void): unknown;
  off(event: StopSignal, listener: () => void): unknown;
  exit(code: number): unknown;
}

/**
 * Calls `stop` at the first SIGINT or SIGTERM, for an orderly end. At the second one, of either kind, the process exits at
 * once with 128 + the signal's number, as shells do. The function that is returned ends the listening.
 */
export function onStopSignal(stop: (signal: StopSignal) => void, source: SignalSource = process): () => void {
  let stopping = false;
  const listeners = STOP_SIGNALS.map((signal) => {
    const listener = () => {
      if (stopping) {
        source.exit(128 + constants.signals[signal]);
        return;
      }
      stopping = true;
      stop(signal);
    };
    source.on(signal, listener);
    return () => source.off(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}
