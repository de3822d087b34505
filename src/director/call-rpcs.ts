import type { DirectorServiceDefinition } from "../wire/contract";
import type { Handlers } from "../rpc/service/service-handlers";
import type { CallWatch } from "./measures/call-watch";

export interface CallRpcsParts {
  readonly callWatch: CallWatch;
  /** Aborts when the director stops, which ends the watches. */
  readonly stopping: AbortSignal;
}

type CallRpcs = Pick<Handlers<DirectorServiceDefinition>, "watchCalls">;

export function callRpcs({ callWatch, stopping }: CallRpcsParts): CallRpcs {
  return {
    watchCalls: async function* (_request, { signal }) {
      for await (const { calls, omitted } of callWatch.watch(AbortSignal.any([signal, stopping]))) {
        yield { calls: [...calls], omitted: BigInt(omitted) };
      }
    },
  };
}
