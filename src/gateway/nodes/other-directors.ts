import { FabricError } from "../../core/errors";
import { typedClient } from "../../rpc/service/typed-client";
import { DirectorServiceDefinition, type DirectorInfo, type WireMember } from "../../wire/contract";
import type { GatewayParts } from "../gateway-parts";
import { DirectorConnections } from "../rpc/director-connections";

/** What another director says of the members whose home it is: only it has their load and their latest heartbeat. */
export interface HomeView {
  readonly members: ReadonlyMap<string, WireMember>;
  /** The round trip to it. */
  readonly responseTimeMs: number;
}

/** One that does not answer in time is left out: what it knows is less than the answer that waits for it. */
const TIMEOUT_MS = 1_000;

/** The other directors of the cluster, asked for what the one that answers cannot know. */
export class OtherDirectors {
  readonly #clock: GatewayParts["clock"];
  readonly #connections: DirectorConnections;

  constructor(parts: Pick<GatewayParts, "clock" | "config" | "connection" | "director" | "connectDirector">) {
    this.#clock = parts.clock;
    this.#connections = new DirectorConnections(parts);
  }

  /** By id of the director. */
  async ask(directors: readonly DirectorInfo[]): Promise<ReadonlyMap<string, HomeView>> {
    const views = await Promise.all(
      directors.map(async (info) => {
        const view = await this.#view(info);
        return view === undefined ? [] : [[info.directorId, view] as const];
      }),
    );
    return new Map(views.flat());
  }

  close(): void {
    this.#connections.close();
  }

  async #view({ directorId, address }: DirectorInfo): Promise<HomeView | undefined> {
    try {
      const director = typedClient(DirectorServiceDefinition, this.#connections.at(address));
      const askedMs = this.#clock.monotonicMs();
      const { members } = await director.listMembers({}, { timeoutMs: TIMEOUT_MS });
      const responseTimeMs = this.#clock.monotonicMs() - askedMs;
      const own = members.filter(({ homeDirectorId }) => homeDirectorId === directorId);
      return { members: new Map(own.map((member) => [member.memberId, member])), responseTimeMs };
    } catch (error) {
      if (error instanceof FabricError) return undefined;
      throw error;
    }
  }
}
