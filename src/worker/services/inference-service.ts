import type { Clock } from "../../core/clock";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import type { Logger } from "../../core/logger";
import type { CallContext } from "../../rpc/service/call-context";
import { InferenceServiceDefinition, type GenerateRequest } from "../../wire/contract";
import { mountService, type MountedService } from "../../rpc/service/service-handlers";

export interface InferenceServiceParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly label: string;
  /** Names a conversation that has no name. */
  newConnectionId(): string;
}

const TOKEN_INTERVAL_MS = 100;

/**
 * heddle.inference.v1.InferenceService: the tokens of a model that says "token-1", "token-2", … Its answer depends on the sequence alone, so any
 * worker can go on where another stopped.
 */
export function inferenceService(parts: InferenceServiceParts): MountedService {
  return mountService(InferenceServiceDefinition, {
    generate: async function* (requests, context) {
      parts.logger.info(`🎬 [${parts.label}] Streaming handler invoked`);
      let connected = false;
      for await (const request of requests) {
        if (!connected) {
          connected = true;
          const director = context.metadata.text(HEDDLE_KEYS.via);
          const how = director === undefined ? "direct connection" : `through director ${director}`;
          parts.logger.info(`✅ received inference request from client (${how})`);
          const connectionId = request.connectionId || parts.newConnectionId();
          yield { event: { $case: "connected" as const, value: { connectionId, workerLabel: parts.label } } };
        }
        yield* tokens(parts, request, context);
      }
    },
  });
}

async function* tokens({ clock }: InferenceServiceParts, request: GenerateRequest, context: CallContext) {
  const intervalMs = request.tokenIntervalMs || TOKEN_INTERVAL_MS;
  const last = request.maxTokens;
  for (let sequence = request.resumeAfterSequence + 1n; last === 0n || sequence <= last; sequence += 1n) {
    await clock.sleep(intervalMs, context.signal);
    yield { event: { $case: "token" as const, value: { text: `token-${sequence}`, sequence } } };
  }
  yield { event: { $case: "done" as const, value: { tokens: last } } };
}
