import { messageOf } from "../../core/errors";
import type { CallTools } from "../call-tools";
import { resolveNode } from "../resolve-id";
import type { OperatorParts } from "../operator";
import { CommandError, EXIT } from "../terminal";
import { callMethod } from "./call-method";
import { CallContracts, type CallMethod } from "./contract";
import { describeMethod, listMethods } from "./list-methods";
import type { CallSelectors } from "./selectors";

/** What `heddle call` was told. */
export interface CallRequest extends CallSelectors {
  /** "Service/Method", "Service", or undefined for all. */
  readonly target: string | undefined;
  /** JSON, "@file", "-" for standard input; undefined: nothing was said. */
  readonly data: string | undefined;
  readonly describe: boolean;
  readonly receipt: boolean;
  readonly emitDefaults: boolean;
  readonly json: boolean;
  readonly timeoutMs: number | undefined;
  readonly idempotencyKey: string | undefined;
  readonly resumeAfter: number | undefined;
}

/** `heddle call`. */
export async function runCall(parts: OperatorParts, tools: CallTools, request: CallRequest): Promise<number> {
  const { terminal } = parts;
  const { target, json } = request;
  const contracts = new CallContracts(parts);
  try {
    if (target === undefined || !target.replace(/^\//, "").includes("/")) {
      return await listMethods(contracts, terminal, target, json);
    }
    const method = await contracts.method(target);
    if (request.describe) return describeMethod(method, terminal, json);
    if (method.requestStream && request.data === undefined && tools.inputIsTerminal) {
      terminal.err("Type requests as JSON, one after the other; Ctrl-D ends them.");
    }
    const worker = request.worker === undefined ? undefined : await resolveNode(parts, request.worker);
    return await callMethod(parts, method, {
      ...request,
      worker,
      input: await inputOf(request.data, method, tools),
      pretty: !json && tools.outputIsTerminal,
    });
  } finally {
    contracts.close();
  }
}

/** Without a word about input a method that takes one request gets an empty one, and a stream what comes in. */
export async function inputOf(
  data: string | undefined,
  method: CallMethod,
  tools: CallTools,
): Promise<AsyncIterable<string> | Iterable<string>> {
  const isStandardInput = data === "-" || data === "@-" || (data === undefined && method.requestStream);
  if (isStandardInput) return tools.standardInput();
  if (data === undefined) return [];
  if (!data.startsWith("@")) return [data];
  try {
    return [await tools.readText(data.slice(1))];
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      `the input cannot be read: ${messageOf(error)}`,
      "-d @file, with a file that is there",
    );
  }
}
