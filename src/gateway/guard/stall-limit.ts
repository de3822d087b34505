import { Socket } from "node:net";

/** A reader that takes nothing for that long is gone, whatever its connection says. */
export const STALL_MAX_MS = 60_000;

/**
 * Ends a connection on which nothing moves for so long; 0 takes the limit away. When an answer is out, Node sets another limit: that of idle
 * connections. A request that came without a socket (`inject`) has no reader who could be slow.
 */
export function limitStall(socket: Socket | null, stallMaxMs: number): void {
  if (socket instanceof Socket) socket.setTimeout(stallMaxMs);
}
