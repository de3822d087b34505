import { CallMetadata } from "../../core/call-metadata";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { CommandError, EXIT } from "../terminal";

/** Who is to take a call, and what goes with it. */
export interface CallSelectors {
  readonly worker?: string | undefined;
  readonly match?: string | undefined;
  readonly affinity?: string | undefined;
  readonly policy?: string | undefined;
  /** "key:value" each; the value of a key that ends in "-bin" is base64. */
  readonly metadata?: readonly string[] | undefined;
}

/** @throws CommandError for metadata that cannot be sent */
export function metadataOf({ worker, match, affinity, policy, metadata = [] }: CallSelectors): CallMetadata {
  const made = new CallMetadata();
  for (const entry of metadata) {
    const colon = entry.indexOf(":", 1);
    const [key, value] = [entry.slice(0, colon).trim().toLowerCase(), entry.slice(colon + 1).trim()];
    if (colon === -1 || !/^[a-z0-9_.-]+$/.test(key) || key.startsWith("grpc-")) {
      const remedy = "use key:value, where the key has letters, digits, _, . and - and does not begin with grpc-";
      throw new CommandError(EXIT.usage, `--metadata is "${entry}": ${remedy}`, "--metadata x-user:ann");
    }
    if (!key.endsWith("-bin") && !/^[\x20-\x7e]*$/.test(value)) {
      const remedy = "values are printable ASCII; others go in base64 under a key that ends in -bin";
      throw new CommandError(EXIT.usage, `--metadata is "${entry}": ${remedy}`, "--metadata x-name-bin:w6k=");
    }
    made.append(key, key.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  const own = [
    [HEDDLE_KEYS.worker, worker],
    [HEDDLE_KEYS.match, match],
    [HEDDLE_KEYS.affinity, affinity],
    [HEDDLE_KEYS.policy, policy],
  ] as const;
  for (const [key, value] of own) if (value !== undefined) made.set(key, value);
  return made;
}

/** The same question to `heddle explain`. */
export function explainCommand(method: string, { worker, match, affinity, policy }: CallSelectors): string {
  const flags = Object.entries({ worker, match, affinity, policy }).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name} ${/^[\w.,=:/-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`],
  );
  return ["heddle explain", method, ...flags].join(" ");
}
