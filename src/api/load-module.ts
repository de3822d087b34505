import { resolve } from "node:path";

import { FabricError, messageOf } from "../core/errors";

/**
 * Loads a module of a user, ECMAScript or CommonJS.
 * @throws FabricError INVALID_ARGUMENT that names the setting, the file and what is wrong with it
 */
export async function loadModule(file: string, setting: string): Promise<unknown> {
  try {
    return (await import(resolve(file))) as unknown;
  } catch (error) {
    throw new FabricError("INVALID_ARGUMENT", `${setting} ${file} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
