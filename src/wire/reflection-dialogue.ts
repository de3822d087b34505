import { ServerReflectionRequest, ServerReflectionResponse } from "../../generated/grpc/reflection/v1/reflection";
import { MessageQueue } from "../core/message-queue";
import { FabricError } from "../core/errors";
import { rawDefinition } from "../rpc/service/raw-definition";
import type { TypedClient } from "../rpc/service/typed-client";
import type { ReflectionAnswer, ReflectionDialogue, ReflectionRequest } from "./reflection-client";

/** Reflection v1, for a client whose messages are bytes. */
export const REFLECTION_DEFINITION = rawDefinition("grpc.reflection.v1.ServerReflection", {
  serverReflectionInfo: { requestStream: true, responseStream: true },
});

/** A dialogue over any client's calls, for which reflection is a service like others. Rejects with what the call failed with. */
export function reflectionOver(
  client: TypedClient<typeof REFLECTION_DEFINITION>,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): ReflectionDialogue {
  const requests = new MessageQueue<Uint8Array>();
  const answers = client.serverReflectionInfo(requests, options)[Symbol.asyncIterator]();
  return {
    ask: async (messageRequest: ReflectionRequest): Promise<ReflectionAnswer> => {
      requests.push(ServerReflectionRequest.encode({ host: "", messageRequest }).finish());
      const { done, value } = await answers.next();
      if (done) throw new FabricError("REMOTE", "the reflection stream ended early");
      return ServerReflectionResponse.decode(value).messageResponse;
    },
    close: () => {
      requests.end();
      void answers.return?.().catch(() => {
        // It is over either way.
      });
    },
  };
}
