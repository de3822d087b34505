import type { Key } from "./keys";
import type { StyledLine } from "./styled-text";

/** A terminal taken over whole: every line is drawn anew, and keys come one by one. `close` gives it back as it was. */
export interface Screen {
  size(): { readonly columns: number; readonly rows: number };
  draw(lines: readonly StyledLine[]): void;
  /** Replaces the listener before. */
  onKey(listener: (key: Key) => void): void;
  onResize(listener: () => void): void;
  /** Twice is once. */
  close(): void;
}
