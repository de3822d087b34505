import { callShape, type CallShape } from "../relay/echo-contract";

export interface DirectRow {
  readonly name: string;
  readonly title: string;
  /** Calls in flight. */
  readonly concurrency: number;
  readonly shape: CallShape;
}

export const DIRECT_ROWS: readonly DirectRow[] = [
  { name: "unary-1", title: "unary, 100 B, one call at a time", concurrency: 1, shape: callShape(100) },
  { name: "unary-64", title: "unary, 100 B, 64 calls in flight", concurrency: 64, shape: callShape(100) },
  { name: "stream-100", title: "100 answers of 100 B, 8 calls in flight", concurrency: 8, shape: callShape(100, 100) },
];
