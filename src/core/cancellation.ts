/**
 * Says that somebody no longer wants what is being done. It is the part of an AbortSignal that is needed for that, so every AbortSignal
 * is one.
 */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
