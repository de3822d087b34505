import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface CurlAnswer {
  readonly status: number;
  /** Names in lower case; the last of several. */
  readonly headers: Readonly<Record<string, string>>;
  readonly json: unknown;
}

/** Where the answer's status and headers begin in what curl writes. */
const MARK = "\n--- curl ---\n";

/**
 * Runs a command line of a document as it stands with the real curl, but for where it leads: `https?://host:port` becomes `url`, and a pipe to
 * jq is left out.
 */
export async function curl(command: string, url: string): Promise<CurlAnswer> {
  const here = command.replace(/https?:\/\/[\w.-]+:\d+(?=\/api|\/heddle|\/readyz)/, url).replace(/\|\s*jq\s*$/, "");
  const told = here.replace(/^\s*curl /, `curl -sS -w '${MARK}%{http_code}\n%{header_json}' `);
  const { stdout } = await run("bash", ["-c", told], { timeout: 20_000 });
  const [body = "", written = ""] = stdout.split(MARK);
  const [status, ...headers] = written.split("\n");
  const parsed = JSON.parse(headers.join("\n")) as Record<string, string[]>;
  return {
    status: Number(status),
    headers: Object.fromEntries(Object.entries(parsed).map(([name, values]) => [name.toLowerCase(), values.at(-1)!])),
    json: body === "" ? undefined : JSON.parse(body),
  };
}

/** Values that differ from run to run. */
export type FreeKeys = readonly string[];

/**
 * What an answer has otherwise than a document, each with its path: keys and types must be the same, and values too but under `free` keys.
 * @param more - keys that the answer may have beyond the document's
 */
export function unlikeDocument(
  actual: unknown,
  documented: unknown,
  free: FreeKeys = [],
  more: FreeKeys = [],
): readonly string[] {
  return [...differences(actual, documented, "", { free, more })];
}

interface Tolerance {
  readonly free: FreeKeys;
  readonly more: FreeKeys;
}

function* differences(actual: unknown, wanted: unknown, path: string, tolerance: Tolerance): Generator<string> {
  if (kindOf(actual) !== kindOf(wanted)) {
    yield `${path} is ${kindOf(actual)}, not ${kindOf(wanted)}`;
  } else if (Array.isArray(wanted)) {
    const items = actual as unknown[];
    if (items.length !== wanted.length) yield `${path} has ${items.length} items, not ${wanted.length}`;
    for (const [index, item] of wanted.entries())
      yield* differences(items[index], item, `${path}[${index}]`, tolerance);
  } else if (typeof wanted === "object" && wanted !== null) {
    yield* objectDifferences(actual as Fields, wanted as Fields, path, tolerance);
  } else if (actual !== wanted && !tolerance.free.includes(path.replace(/^.*\./, ""))) {
    yield `${path} is ${JSON.stringify(actual)}, not ${JSON.stringify(wanted)}`;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function* objectDifferences(actual: Fields, wanted: Fields, path: string, tolerance: Tolerance): Generator<string> {
  for (const key of Object.keys(wanted)) {
    if (key in actual) yield* differences(actual[key], wanted[key], `${path}.${key}`, tolerance);
    else yield `${path}.${key} is missing`;
  }
  for (const key of Object.keys(actual)) {
    if (!(key in wanted) && !tolerance.more.includes(key)) yield `${path}.${key} is not in the document`;
  }
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
