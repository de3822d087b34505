import type { Acceptance } from "../../core/call";
import type { CallMetadata } from "../../core/call-metadata";
import type { FabricError } from "../../core/errors";
import { asFabricError, messageOf } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { rawDefinition } from "../../rpc/service/raw-definition";
import type { CallOptions } from "../../rpc/service/typed-client";
import type { FabricClient } from "../../client/fabric-client";
import { latency } from "../top/figures";
import type { OperatorParts } from "../operator";
import { printable } from "../printable";
import { CommandError, EXIT, type Terminal } from "../terminal";
import { reportCallFailure } from "./call-failure";
import type { CallMethod } from "./contract";
import { jsonTexts } from "./json-texts";
import { metadataOf, type CallSelectors } from "./selectors";

export interface CallOrder extends CallSelectors {
  /** Texts of requests; one is an empty message where the method takes just one. */
  readonly input: AsyncIterable<string> | Iterable<string>;
  /** Undefined: the client's default, which streams have none of. */
  readonly timeoutMs: number | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Messages of the answer that the caller has. */
  readonly resumeAfter?: number | undefined;
  /** Over several lines. */
  readonly pretty: boolean;
  readonly receipt: boolean;
  /** Fields with their default value too. */
  readonly emitDefaults: boolean;
}

/** Methods in bytes, since the contract is known only now. */
export function callerOf(fabric: FabricClient, method: CallMethod) {
  const { name, requestStream, responseStream, idempotent, resumable } = method;
  const call = { name, requestStream, responseStream, idempotent, resumable };
  const client = fabric.client(rawDefinition(method.service, { call })) as unknown as {
    call(
      request: Uint8Array | AsyncIterable<Uint8Array>,
      options: CallOptions,
    ): Promise<Uint8Array> | AsyncIterable<Uint8Array>;
  };
  return (request: Uint8Array | AsyncIterable<Uint8Array>, options: CallOptions): AsyncIterable<Uint8Array> => {
    const answer = client.call(request, options);
    return Symbol.asyncIterator in answer ? answer : once(answer);
  };
}

async function* once<T>(answer: Promise<T>): AsyncGenerator<T> {
  yield await answer;
}

/** Makes one call, and prints its answers as they come. Resolves to the exit code. */
export async function callMethod(parts: OperatorParts, method: CallMethod, order: CallOrder): Promise<number> {
  const { terminal, clock, interrupted } = parts;
  const receipt = new Receipt(order);
  const startedMs = clock.monotonicMs();
  let answers = 0;
  let failure: FabricError | undefined;
  try {
    const request = await requestOf(method, order.input);
    const options = receipt.options(method, interrupted);
    for await (const bytes of callerOf(parts.fabric, method)(request, options)) {
      answers += 1;
      const json = method.json.answer.decode(bytes, { emitDefaults: order.emitDefaults });
      terminal.out(JSON.stringify(json, undefined, order.pretty ? 2 : undefined));
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    failure = asFabricError(error, "REMOTE");
  }
  if (order.receipt) receipt.print(terminal, method, answers, clock.monotonicMs() - startedMs);
  if (failure === undefined) return EXIT.ok;
  // Words about a request that never left come as they are; so does what the reader cancelled.
  if (interrupted.aborted) {
    terminal.err(`Cancelled after ${answers} ${answers === 1 ? "message" : "messages"}.`);
    return EXIT.interrupted;
  }
  return reportCallFailure(terminal, method, order, failure, receipt.trailers);
}

/** @throws CommandError for input that is no request of the method */
async function requestOf(
  method: CallMethod,
  input: CallOrder["input"],
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  if (method.requestStream) return encoded(method, input);
  const texts: string[] = [];
  for await (const text of jsonTexts(input)) {
    texts.push(text);
    if (texts.length === 1) continue;
    const what = `${method.service}/${method.name} takes one request, and there are more`;
    throw new CommandError(EXIT.usage, what, `heddle call ${method.service}/${method.name} --describe`);
  }
  return encodeRequest(method, texts[0] ?? "{}");
}

async function* encoded(method: CallMethod, input: CallOrder["input"]): AsyncGenerator<Uint8Array> {
  for await (const text of jsonTexts(input)) yield encodeRequest(method, text);
}

export function encodeRequest(method: CallMethod, text: string): Uint8Array {
  try {
    return method.json.request.encodeText(text);
  } catch (error) {
    const what = messageOf(error).replace(/^\[\w+\] /, "the request is not right: ");
    throw new CommandError(EXIT.usage, what, `heddle call ${method.service}/${method.name} --describe`);
  }
}

/** Who took the call, and what came beside the answers. */
class Receipt {
  trailers: CallMetadata | undefined;
  readonly #order: CallOrder;
  #headers: CallMetadata | undefined;
  #accepted: Acceptance | undefined;

  constructor(order: CallOrder) {
    this.#order = order;
  }

  options({ responseStream, requestStream }: CallMethod, signal: AbortSignal): CallOptions {
    const { timeoutMs, idempotencyKey, resumeAfter, receipt } = this.#order;
    return {
      metadata: metadataOf(this.#order),
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(resumeAfter === undefined ? {} : { resume: { afterSequence: resumeAfter } }),
      onHeaders: (headers) => (this.#headers = headers),
      onTrailers: (trailers) => (this.trailers = trailers),
      ...(receipt && !responseStream && !requestStream ? { onAccepted: (by) => (this.#accepted = by) } : {}),
    };
  }

  print(terminal: Terminal, { service, name }: CallMethod, answers: number, elapsedMs: number): void {
    const { trailers } = this;
    const own = new Set<string>([HEDDLE_KEYS.worker, HEDDLE_KEYS.attempts, HEDDLE_KEYS.repeated]);
    const worker = trailers?.text(HEDDLE_KEYS.worker) ?? this.#accepted?.memberId;
    terminal.err(`${service}/${name}`);
    terminal.err(`  worker     ${printable(worker ?? "none")}`);
    terminal.err(`  attempts   ${printable(trailers?.text(HEDDLE_KEYS.attempts) ?? "-")}`);
    if (trailers?.text(HEDDLE_KEYS.repeated) !== undefined)
      terminal.err("  repeated   the answer of an earlier call with this key");
    terminal.err(`  answers    ${answers}`);
    terminal.err(`  time       ${latency(elapsedMs)}`);
    for (const [key, value] of this.#headers?.entries() ?? []) terminal.err(`  header     ${shown(key, value)}`);
    for (const [key, value] of trailers?.entries() ?? []) {
      if (!own.has(key)) terminal.err(`  trailer    ${shown(key, value)}`);
    }
  }
}

function shown(key: string, value: string | Uint8Array): string {
  return `${printable(key)}: ${typeof value === "string" ? printable(value) : Buffer.from(value).toString("base64")}`;
}
