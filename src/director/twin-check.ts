import { FabricError } from "../core/errors";
import { typedClient } from "../rpc/service/typed-client";
import { DirectorServiceDefinition } from "../wire/contract";
import type { ClusterView } from "./cluster-view";
import type { DirectorParts } from "./director-parts";

/** A director that does not answer within this time is taken for gone: an earlier life whose lease has not run out. */
const ANSWER_WITHIN_MS = 2_000;

export interface TwinCheckParts extends Pick<DirectorParts, "server" | "connectDirector"> {
  readonly config: Pick<DirectorParts["config"], "directorId">;
  /** Of this director, which listens already. */
  readonly address: string;
  readonly view: Pick<ClusterView, "directors">;
}

/**
 * Refuses to be a second director of the same name. Each would take the other's workers for its own, and delete the other's records with
 * its lease. Two that start in the same moment are not told apart.
 * @throws FabricError INVALID_ARGUMENT when another director of this name answers at another address
 */
export async function refuseTwin({ address, config, view, server, connectDirector }: TwinCheckParts): Promise<void> {
  const { directorId } = config;
  const known = view.directors.get(directorId);
  if (!known || known.address === address) return;
  const connection = connectDirector(known.address);
  try {
    const answer = await typedClient(DirectorServiceDefinition, connection)
      .getStats({}, { timeoutMs: ANSWER_WITHIN_MS })
      .catch(() => undefined);
    if (answer?.directorId !== directorId) return;
  } finally {
    connection.close();
  }
  server.close();
  throw new FabricError(
    "INVALID_ARGUMENT",
    `HEDDLE_DIRECTOR_ID is "${directorId}", which the director at ${known.address} bears already: give each director its own`,
  );
}
