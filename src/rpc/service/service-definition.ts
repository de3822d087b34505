import type { MethodTraits } from "../../core/call";

/** How ts-proto's generic definitions encode one message type. */
export interface MessageCodec<T, Partial = never> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(partial: Partial): T;
}

/** One method of a ts-proto generic definition (`outputServices=generic-definitions`). */
export interface MethodDefinition {
  readonly name: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any message type; the types below read it back exactly
  readonly requestType: MessageCodec<any, any>;
  readonly requestStream: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  readonly responseType: MessageCodec<any, any>;
  readonly responseStream: boolean;
  readonly options: {
    readonly idempotencyLevel?: string;
    /** Of raw definitions; generated ones have it as an unknown field. */
    readonly resumable?: boolean;
    /** By their tags: what the generator does not know, options of others' making among them. */
    readonly _unknownFields?: { readonly [tag: number]: readonly Uint8Array[] };
  };
}

/** A service as ts-proto generates it. */
export interface ServiceDefinition {
  readonly name: string;
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

export type RequestOf<M extends MethodDefinition> = ReturnType<M["requestType"]["decode"]>;
export type ResponseOf<M extends MethodDefinition> = ReturnType<M["responseType"]["decode"]>;
/** What may be left out is left out. */
export type RequestInput<M extends MethodDefinition> = Parameters<M["requestType"]["fromPartial"]>[0];
export type ResponseInput<M extends MethodDefinition> = Parameters<M["responseType"]["fromPartial"]>[0];

/** "/package.Service/Method". */
export function pathOf(service: ServiceDefinition, method: MethodDefinition): string {
  return `/${service.fullName}/${method.name}`;
}

export function traitsOf(method: MethodDefinition): MethodTraits {
  return {
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    idempotent:
      method.options.idempotencyLevel !== undefined && method.options.idempotencyLevel !== "IDEMPOTENCY_UNKNOWN",
    resumable: method.responseStream && isResumable(method),
  };
}

/** The number of `heddle.v1.resumable` among Protobuf's MethodOptions (proto/heddle/v1/options.proto). */
export const RESUMABLE_OPTION = 58_201;

/** Of a varint, as Protobuf encodes booleans. */
const RESUMABLE_TAG = RESUMABLE_OPTION * 8;

function isResumable({ options }: MethodDefinition): boolean {
  if (options.resumable !== undefined) return options.resumable;
  const given = options._unknownFields?.[RESUMABLE_TAG]?.at(-1);
  return given !== undefined && given.some((byte) => (byte & 0x7f) !== 0);
}
