import type { MemoryNetwork } from "./memory-network";
import type { NetworkConditions } from "./network-conditions";

/** A process by its name, or as the cluster has it. Clients have the names that they were made with; the store's is "store". */
export type Named = string | { readonly name: string };

/** Faults of the network between the processes of a test cluster. */
export class TestNetwork {
  readonly #network: MemoryNetwork;

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  /** Loses everything from one to the other, one way; nobody is told. It is held back, and arrives when the block ends, as TCP sends it again. */
  block(from: Named, to: Named): void {
    this.#network.block(nameOf(from), nameOf(to));
  }

  /** Ends the block of one way. */
  unblock(from: Named, to: Named): void {
    this.#network.unblock(nameOf(from), nameOf(to));
  }

  /** Blocks both ways between every one of the first and every one of the second. */
  partition(these: Named | readonly Named[], those: Named | readonly Named[]): void {
    for (const a of listOf(these)) for (const b of listOf(those)) this.#network.partition(nameOf(a), nameOf(b));
  }

  /** Ends every block, and what `degrade` did to single paths. */
  heal(): void {
    this.#network.heal();
  }

  /** Resets the connections that one made to the other, at both ends. New ones may be made at once. */
  cut(client: Named, server: Named): void {
    this.#network.cut(nameOf(client), nameOf(server));
  }

  /** Changes what happens to packets from now on: everywhere, or on the way from one to the other only. */
  degrade(change: Partial<NetworkConditions>, path?: { readonly from: Named; readonly to: Named }): void {
    this.#network.degrade(change, path && { from: nameOf(path.from), to: nameOf(path.to) });
  }
}

export function nameOf(process: Named): string {
  return typeof process === "string" ? process : process.name;
}

function listOf(named: Named | readonly Named[]): readonly Named[] {
  return Array.isArray(named) ? (named as readonly Named[]) : [named as Named];
}
