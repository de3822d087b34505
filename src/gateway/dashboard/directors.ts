import type { GatewayParts } from "../gateway-parts";
import { typedClient } from "../../rpc/service/typed-client";
import { AgentServiceDefinition, DirectorServiceDefinition } from "../../wire/contract";
import type { DirectorClients } from "./director-reader";

type Parts = Pick<GatewayParts, "director" | "agents" | "config" | "connectDirector">;

const LOOKUP_TIMEOUT_MS = 2_000;

/**
 * The clients of a director by its id: this one without a socket between, another one at the address that the cluster knows. Undefined where
 * there is none of that id. "" is this one.
 */
export async function findDirector(parts: Parts, directorId: string): Promise<DirectorClients | undefined> {
  const { director, agents, config } = parts;
  if (directorId === "" || directorId === config.directorId) return { director, agents, close: () => {} };
  const { directors } = await director.getTopology({}, { timeoutMs: LOOKUP_TIMEOUT_MS });
  const wanted = directors.find((of) => of.directorId === directorId);
  if (!wanted) return undefined;
  const connection = parts.connectDirector(wanted.address);
  return {
    director: typedClient(DirectorServiceDefinition, connection),
    agents: typedClient(AgentServiceDefinition, connection),
    close: () => connection.close(),
  };
}
