import type { Registry } from "@bufbuild/protobuf";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

import type { CallEnd } from "../../core/call";
import type { FabricError } from "../../core/errors";
import { type ErrorCode } from "../../core/errors";
import { HEDDLE_KEYS } from "../../core/heddle-metadata";
import { Status, statusName } from "../../core/status";
import type { JsonValue } from "../../wire/json-codec";

/** A part of google.rpc.Status.details. */
interface ErrorDetail {
  /** Full name of the message. */
  readonly type: string;
  /** The message, base64 without padding. */
  readonly value: string;
  /** The same as JSON, where the contract has its type. */
  readonly debug?: JsonValue;
}

/** An error as Connect's protocol writes it ("Error JSON" in connectrpc.com/docs/protocol), with what Heddle knows more of it. */
export interface ErrorBody {
  /** Such as "not_found". */
  readonly code: string;
  readonly message: string;
  readonly details?: readonly ErrorDetail[];
  /** A key of docs/errors.md; absent for what a worker's handler said in its own words. */
  readonly heddleError?: ErrorCode;
}

/** @param registry - of the method's contract, for the details */
export function errorBodyOf({ status, message, trailers, error }: CallEnd, registry?: Registry): ErrorBody {
  const detailed = trailers.bytes(DETAILS_KEY);
  const details = detailed === undefined ? [] : detailsOf(detailed, registry);
  const named = trailers.text(HEDDLE_KEYS.error);
  const isOwn = error !== undefined && (error.code !== "REMOTE" || named !== undefined);
  return {
    code: connectCodeOf(status),
    message,
    ...(details.length === 0 ? {} : { details }),
    ...(isOwn ? { heddleError: error.code } : {}),
  };
}

export function errorBodyOfError({ status, message, code }: FabricError): ErrorBody {
  return { code: connectCodeOf(status), message, ...(code === "REMOTE" ? {} : { heddleError: code }) };
}

/** "not_found" for 5. Connect spells one of them in the American way. */
function connectCodeOf(status: number): string {
  return status === Status.CANCELLED ? "canceled" : statusName(status).toLowerCase();
}

/** A serialized google.rpc.Status, as every gRPC stack with rich errors sends it. */
export const DETAILS_KEY = "grpc-status-details-bin";
/** google.rpc.Status.details */
const DETAILS_FIELD = 3;
const DETAILS_MAX = 64;

/** What cannot be read is left out: the status says what matters. */
function detailsOf(status: Uint8Array, registry: Registry | undefined): readonly ErrorDetail[] {
  const details: ErrorDetail[] = [];
  try {
    const reader = new BinaryReader(status);
    while (reader.pos < reader.len && details.length < DETAILS_MAX) {
      const [field, wireType] = reader.tag();
      if (field === DETAILS_FIELD && wireType === WireType.LengthDelimited)
        details.push(detailOf(reader.bytes(), registry));
      else reader.skip(wireType, field);
    }
  } catch {
    return details;
  }
  return details;
}

function detailOf(any: Uint8Array, registry: Registry | undefined): ErrorDetail {
  const reader = new BinaryReader(any);
  let [typeUrl, value] = ["", new Uint8Array()];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) typeUrl = reader.string();
    else if (field === 2 && wireType === WireType.LengthDelimited) value = Uint8Array.from(reader.bytes());
    else reader.skip(wireType, field);
  }
  const type = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const debug = shown(type, value, registry);
  return { type, value: unpaddedBase64(value), ...(debug === undefined ? {} : { debug }) };
}

function shown(type: string, value: Uint8Array, registry: Registry | undefined): JsonValue | undefined {
  const descriptor = registry?.getMessage(type);
  if (registry === undefined || descriptor === undefined) return undefined;
  try {
    return toJson(descriptor, fromBinary(descriptor, value), { registry });
  } catch {
    return undefined;
  }
}

export function unpaddedBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64").replace(/=+$/, "");
}
