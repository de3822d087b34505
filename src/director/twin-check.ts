import type { Connection } from "../core/call";
import { FabricError } from "../core/errors";
import { typedClient } from "../rpc/service/typed-client";
import { DirectorServiceDefinition } from "../wire/contract";
import type { DirectorRecord } from "./records";

/** A director that does not answer within this time is taken for gone: an earlier life whose lease has not run out. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Refuses to be a second director of the same name. Each would take the other's workers for its own, and delete the other's records with
 * its lease. Two that start in the same moment are not told apart.
 * @throws FabricError INVALID_ARGUMENT when another director of this name answers at another address
 */
export async function refuseTwin(
  self: Pick<DirectorRecord, "directorId" | "address">,
  known: DirectorRecord | undefined,
  connect: (address: string) => Connection,
): Promise<void> {
  if (!known || known.address === self.address) return;
  const connection = connect(known.address);
  try {
    const answer = await typedClient(DirectorServiceDefinition, connection)
      .getStats({}, { timeoutMs: ANSWER_WITHIN_MS })
      .catch(() => undefined);
    if (answer?.directorId !== self.directorId) return;
  } finally {
    connection.close();
  }
  throw new FabricError(
    "INVALID_ARGUMENT",
    `HEDDLE_DIRECTOR_ID is "${self.directorId}", which the director at ${known.address} bears already: give each director its own`,
  );
}
