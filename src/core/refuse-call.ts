import type { IncomingCall } from "./call";
import { endOfError } from "./call-end";
import type { FabricError } from "./errors";

/** Ends a call that nobody has listened to yet. */
export function refuseCall(call: IncomingCall, error: FabricError): void {
  call.listen({ message: () => {}, halfClosed: () => {}, cancelled: () => {} });
  call.finish(endOfError(error));
}
