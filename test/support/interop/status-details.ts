import { Writer } from "protobufjs";

import type { EchoStatus } from "./messages";

export const DETAILS_TRAILER = "grpc-status-details-bin";

/** A google.rpc.Status with one detail, the grpc.testing.EchoStatus that was asked for: a type that a client must ask reflection for. */
export function statusDetails({ code, message }: EchoStatus): Buffer {
  const echo = Writer.create().uint32(8).int32(code).uint32(18).string(message).finish();
  const any = Writer.create().uint32(10).string("type.googleapis.com/grpc.testing.EchoStatus").uint32(18).bytes(echo);
  const status = Writer.create().uint32(8).int32(code).uint32(18).string(message).uint32(26).bytes(any.finish());
  return Buffer.from(status.finish());
}
