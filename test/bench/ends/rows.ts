import { callShape } from "../relay/echo-contract";
import type { Row } from "../relay/load";

export interface EndsRow extends Row {
  /** Calls have metadata that differ: a token, and an id of their own. */
  readonly withMetadata?: boolean;
}

/** 64 calls in flight: over 4 connections where servers are measured, over one where clients are. */
const LOAD = { connections: 4, streams: 16, tls: false };

/** The row whose figures are the result. */
export const HEADLINE = "unary-100";
/** And the one that shows what they owe to headers that are the same each time. */
export const WITH_METADATA = "unary-metadata";

export const ENDS_ROWS: readonly EndsRow[] = [
  { name: HEADLINE, title: "unary, 100 B", ...LOAD, shape: callShape(100) },
  {
    name: WITH_METADATA,
    title: "unary, 100 B, with a token and an id of its own",
    ...LOAD,
    shape: callShape(100),
    withMetadata: true,
  },
  { name: "unary-16k", title: "unary, 16 KiB", ...LOAD, shape: callShape(16_384) },
  { name: "stream-100", title: "100 answers of 100 B", ...LOAD, shape: callShape(100, 100) },
  {
    name: "ping-pong",
    title: "a bidi call of 100 messages of 100 B, each answered",
    ...LOAD,
    shape: callShape(100, 100, "chat"),
  },
];
