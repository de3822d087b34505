import type { Attack } from "./attack";
import { dial } from "./dial";
import { HostileConnection, type HostileOptions } from "./hostile-connection";

export interface ClientAttack extends HostileOptions {
  readonly name: string;
  /** What is said first. */
  opening?(connection: HostileConnection): Buffer;
  /** The n-th piece of the flood on this connection; undefined when there are no more. */
  piece?(n: number, connection: HostileConnection): Buffer | undefined;
  /** Pieces a second. Default 20,000: enough to be a flood, and too few for the attacker to starve the machine by itself. */
  readonly perSecond?: number;
  readonly tls?: boolean;
}

const TURN_MS = 5;
const PER_SECOND = 20_000;
/** Of one turn, whatever the pieces are: 25 MiB a second. */
const TURN_BYTES_MAX = 128 * 1_024;
/** One connection at a time, and no faster than this: how fast new ones may come is another attack. */
const RECONNECT_MS = 50;

/** An attack by a client with one connection, which is opened again when the target ends it. */
export function clientAttack(plan: ClientAttack): Attack {
  const perTurn = Math.max(1, ((plan.perSecond ?? PER_SECOND) * TURN_MS) / 1_000);
  const everyMs = Math.max(TURN_MS, 1_000 / (plan.perSecond ?? PER_SECOND));
  return {
    name: plan.name,
    role: plan.tls ? "tls-client" : "client",
    start({ target, tls, seen }) {
      let connection: HostileConnection | undefined;
      let pieces = 0;
      let openedMs = -Infinity;
      const open = () => {
        openedMs = performance.now();
        pieces = 0;
        seen.connections += 1;
        connection = new HostileConnection(dial(target, tls), "client", seen, plan);
        if (plan.opening) connection.write(plan.opening(connection));
      };
      const turn = () => {
        if (connection === undefined || connection.isEnded) {
          if (performance.now() - openedMs >= RECONNECT_MS) open();
          return;
        }
        const parts: Buffer[] = [];
        for (let count = 0, bytes = 0; count < perTurn && bytes < TURN_BYTES_MAX && connection.hasRoom; count += 1) {
          const part = plan.piece?.(pieces, connection);
          if (part === undefined) break;
          pieces += 1;
          bytes += part.length;
          parts.push(part);
        }
        if (parts.length > 0) connection.write(Buffer.concat(parts));
      };
      setInterval(turn, everyMs);
    },
  };
}
