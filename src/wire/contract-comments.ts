import { COMMENTS } from "../../generated/comments";

/** What Heddle's own contract says of a service, method, message, field or enum, by its full name. */
export function contractComment(symbol: string): string | undefined {
  return Object.hasOwn(COMMENTS, symbol) ? COMMENTS[symbol] : undefined;
}
