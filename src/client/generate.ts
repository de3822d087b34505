import { Backoff } from "../core/backoff";
import type { Clock } from "../core/clock";
import { asFabricError, FabricError } from "../core/errors";
import type { Random } from "../core/random";
import { Status } from "../core/status";
import { InferenceServiceDefinition } from "../wire/contract";
import type { TypedClient } from "../rpc/service/typed-client";

export interface GenerateOptions {
  readonly prompt: string;
  /** Names the conversation across workers; made here when not given. */
  readonly connectionId?: string;
  /** Tokens of the whole answer; 0, the default, goes on until the reader stops. */
  readonly maxTokens?: number;
  /** Pause between tokens; 0, the default, takes the worker's. */
  readonly tokenIntervalMs?: number;
  readonly signal?: AbortSignal;
  /** Selects the worker, as `heddle-match` does. */
  readonly match?: string;
  /** Told when the stream broke and is opened again elsewhere. */
  readonly onFailover?: (reason: FabricError) => void;
  /** Told which worker answers, at each opening. */
  readonly onConnected?: (workerLabel: string) => void;
}

export interface GeneratedToken {
  readonly text: string;
  /** 1, 2, 3, … without gap or repeat. */
  readonly sequence: bigint;
}

interface GenerateParts {
  readonly clock: Clock;
  readonly random: Random;
  newId(): string;
}

/** Time without a single token after which it is given up: longer than a worker's restart, shorter than a reader's patience. */
const PROGRESS_TIMEOUT_MS = 30_000;

/** See `FabricClient.generate`. Throws what ended it when it cannot go on. */
export async function* generate(
  clientOf: (definition: InferenceServiceDefinition) => TypedClient<InferenceServiceDefinition>,
  parts: GenerateParts,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const inference = clientOf(InferenceServiceDefinition);
  const connectionId = options.connectionId ?? parts.newId();
  const backoff = new Backoff({ initialMs: 20, maxMs: 1_000 }, parts.random);
  let last = 0n;
  let progressAtMs = parts.clock.monotonicMs();
  for (;;) {
    try {
      for await (const event of openStream(inference, connectionId, last, options)) {
        if (event?.$case === "connected") options.onConnected?.(event.value.workerLabel);
        if (event?.$case === "done") return;
        if (event?.$case === "error") throw new FabricError("WORKER_LOST", event.value.message);
        if (event?.$case !== "token" || event.value.sequence <= last) continue;
        if (event.value.sequence !== last + 1n) {
          throw new FabricError("WORKER_LOST", `token ${event.value.sequence} came after ${last}`);
        }
        last = event.value.sequence;
        progressAtMs = parts.clock.monotonicMs();
        backoff.reset();
        yield { text: event.value.text, sequence: last };
      }
      throw new FabricError("WORKER_LOST", "the stream ended before the answer was complete");
    } catch (error) {
      const failure = asFabricError(error, "REMOTE");
      const stuck = parts.clock.monotonicMs() - progressAtMs > PROGRESS_TIMEOUT_MS;
      if (!mayResume(failure) || stuck || options.signal?.aborted) throw failure;
      options.onFailover?.(failure);
      await parts.clock.sleep(backoff.nextMs(), options.signal).catch(() => {
        throw new FabricError("CANCELLED", "the reader cancelled", { cause: options.signal?.reason });
      });
    }
  }
}

async function* openStream(
  inference: TypedClient<InferenceServiceDefinition>,
  connectionId: string,
  last: bigint,
  options: GenerateOptions,
) {
  const request = {
    connectionId,
    prompt: options.prompt,
    resumeAfterSequence: last,
    maxTokens: BigInt(options.maxTokens ?? 0),
    tokenIntervalMs: options.tokenIntervalMs ?? 0,
  };
  const responses = inference.generate([request], {
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.match ? { metadata: { "heddle-match": options.match } } : {}),
  });
  for await (const { event } of responses) yield event;
}

/** Whatever says that this worker, or this way to it, is gone; not what the worker says of the request. */
function mayResume(error: FabricError): boolean {
  return error.status === Status.UNAVAILABLE || error.code === "QUEUE_FULL" || error.code === "WORKER_FULL";
}
