import { ServerReflectionDefinition } from "../../generated/grpc/reflection/v1/reflection";
import { FabricError } from "../core/errors";
import { MessageQueue } from "../core/message-queue";
import type { RequestInput } from "../rpc/service/service-definition";
import type { TypedClient } from "../rpc/service/typed-client";
import type { ReflectionAnswer, ReflectionDialogue, ReflectionRequest } from "./reflection-client";

export { ServerReflectionDefinition };

type Question = RequestInput<ServerReflectionDefinition["methods"]["serverReflectionInfo"]>;

/** A dialogue over any client's calls, for which reflection is a service like others. Rejects with what the call failed with. */
export function reflectionOver(
  client: TypedClient<ServerReflectionDefinition>,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): ReflectionDialogue {
  const questions = new MessageQueue<Question>();
  const answers = client.serverReflectionInfo(questions, options)[Symbol.asyncIterator]();
  return {
    ask: async (messageRequest: ReflectionRequest): Promise<ReflectionAnswer> => {
      questions.push({ host: "", messageRequest });
      const next = await answers.next();
      if (next.done === true) throw new FabricError("REMOTE", "the reflection stream ended early");
      return next.value.messageResponse;
    },
    close: () => {
      questions.end();
      void answers.return?.().catch(() => {
        // It is over either way.
      });
    },
  };
}
