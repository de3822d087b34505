import { FabricError, messageOf } from "../core/errors";
import { defaultExportOf } from "../core/module-exports";
import { seededRandom } from "../core/random";
import type { BalancingPolicy } from "./picker";

const SHAPE =
  "export a function (endpoints, random) => ({ pick(request) { … } }), or an object of such functions by name";

/**
 * The policies that a user's module exports. Takes the module's namespace as `import()` gives it: its default export (which
 * is what CommonJS modules export) or else its named ones. A single function is named after itself, else "custom";
 * camelCase names become kebab-case.
 * @param source the module's path, for the message
 * @throws FabricError INVALID_ARGUMENT
 */
export function policiesOfModule(namespace: unknown, source: string): Record<string, BalancingPolicy> {
  const exported = defaultExportOf(namespace);
  if (typeof exported === "function") {
    const name = exported.name === "" || exported.name === "default" ? "custom" : kebabCase(exported.name);
    return { [name]: tried(exported, name, source) };
  }
  if (typeof exported !== "object" || exported === null) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `${source} exports ${exported === null ? "null" : typeof exported}: ${SHAPE}`,
    );
  }
  const entries = Object.entries(exported).filter(([name]) => name !== "__esModule" && name !== "module.exports");
  if (entries.length === 0) throw new FabricError("INVALID_ARGUMENT", `${source} exports nothing: ${SHAPE}`);
  return Object.fromEntries(entries.map(([name, value]) => [kebabCase(name), tried(value, name, source)]));
}

/** Makes a picker of no endpoints with it: what is plainly wrong shows at the start, not at the first call. */
function tried(value: unknown, name: string, source: string): BalancingPolicy {
  if (typeof value !== "function") {
    throw new FabricError("INVALID_ARGUMENT", `${source} exports "${name}", which is ${typeof value}: ${SHAPE}`);
  }
  const policy = value as BalancingPolicy;
  let picker: unknown;
  try {
    picker = policy([], seededRandom(1));
  } catch (error) {
    throw new FabricError(
      "INVALID_ARGUMENT",
      `${source}: "${name}" threw when called without endpoints: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (typeof picker !== "object" || picker === null || !("pick" in picker) || typeof picker.pick !== "function") {
    throw new FabricError("INVALID_ARGUMENT", `${source}: "${name}" returned no picker: ${SHAPE}`);
  }
  return policy;
}

function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/_/g, "-")
    .toLowerCase();
}
