import { CapacityServiceDefinition, ShareRequest, ShareResponse } from "../../generated/heddle/v1/capacity";
import type { Connection, IncomingCall } from "../core/call";
import type { CapacityClaim, CapacityGrant } from "../core/capacity-messages";
import type { MessageStream } from "../core/message-stream";
import { pathOf } from "../rpc/service/service-definition";
import { acceptStream, openStream } from "./message-streams";

export const CAPACITY_PATH = pathOf(CapacityServiceDefinition, CapacityServiceDefinition.methods.share);

/** The director's end: opens the stream on its connection, in whole messages, to a worker. */
export function openCapacity(connection: Connection): MessageStream<CapacityGrant, CapacityClaim> {
  return openStream(connection, CAPACITY_PATH, { decode: grantFromWire, encode: claimToWire });
}

/** The worker's end of a stream that a director opened. */
export function acceptCapacity(call: IncomingCall): MessageStream<CapacityClaim, CapacityGrant> {
  return acceptStream(call, { decode: claimFromWire, encode: grantToWire }, { peer: "director", stream: "Share" });
}

function claimToWire(claim: CapacityClaim): Uint8Array {
  return ShareRequest.encode({ ...claim, revision: BigInt(claim.revision) }).finish();
}

function claimFromWire(bytes: Uint8Array): CapacityClaim {
  const claim = ShareRequest.decode(bytes);
  return { ...claim, revision: Number(claim.revision) };
}

function grantToWire({ revision, slots, isDraining }: CapacityGrant): Uint8Array {
  const isBounded = slots !== Infinity;
  return ShareResponse.encode({
    revision: BigInt(revision),
    isBounded,
    slots: isBounded ? slots : 0,
    isDraining,
  }).finish();
}

function grantFromWire(bytes: Uint8Array): CapacityGrant {
  const { revision, isBounded, slots, isDraining } = ShareResponse.decode(bytes);
  return { revision: Number(revision), slots: isBounded ? slots : Infinity, isDraining };
}
