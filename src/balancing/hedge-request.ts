import type { IncomingCall, MethodTraits } from "../core/call";
import { asFabricError } from "../core/errors";
import { hedgeAskOf, hedgeFault } from "../core/hedge-ask";
import { refuseCall } from "../core/refuse-call";
import { forwardCall, type ConnectedEndpoint, type ForwardPlan } from "./forward-call";
import { hedgedCall, type HedgeParts } from "./hedged-call";

/** Forwards a call that asks to be hedged as it asks, or refuses it where it cannot be: in a turn of its own, as an answer would come. */
export function hedged<E extends ConnectedEndpoint>(
  call: IncomingCall,
  traits: MethodTraits,
  plan: ForwardPlan<E>,
  parts: HedgeParts,
): void {
  const { request } = plan;
  try {
    const fault = hedgeFault(call.path, traits, call.metadata);
    if (fault !== undefined) throw fault;
    const ask = hedgeAskOf(call.metadata)!;
    hedgedCall(call, {
      ...parts,
      ask,
      method: request.method,
      forward: (leg, places) =>
        forwardCall(leg, {
          ...plan,
          places,
          request: {
            ...request,
            // Whoever hedges it counts the attempts that may have run.
            idempotent: false,
            excluded: places.taken,
            // The others are under way: one that would have to wait is of no use.
            waitForReady: places.mustDiffer ? false : request.waitForReady,
          },
        }),
    });
  } catch (error) {
    queueMicrotask(() => refuseCall(call, asFabricError(error, "INVALID_ARGUMENT")));
  }
}
