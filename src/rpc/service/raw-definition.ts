import type { MessageCodec } from "./service-definition";

/** A method whose messages are bytes. */
export interface RawMethod {
  /** Default: the key, beginning with a capital. */
  readonly name?: string;
  /** Default: false. */
  readonly requestStream?: boolean;
  /** Default: false. */
  readonly responseStream?: boolean;
  /** Says that a call may run twice: clients and directors then try it again after a lost connection. Default: false. */
  readonly idempotent?: boolean;
  /** Says that its stream of answers may be resumed on another worker, as `option (heddle.v1.resumable) = true` does. Default: false. */
  readonly resumable?: boolean;
}

type RawMethods = Readonly<Record<string, RawMethod>>;
type Flag<M extends RawMethod, K extends "requestStream" | "responseStream"> = M[K] extends true ? true : false;

/** As a generated definition, for `service`, clients, and whatever else takes one. */
export interface RawDefinition<M extends RawMethods> {
  readonly name: string;
  readonly fullName: string;
  readonly methods: {
    readonly [K in keyof M]: {
      readonly name: string;
      readonly requestType: MessageCodec<Uint8Array, Uint8Array>;
      readonly requestStream: Flag<M[K], "requestStream">;
      readonly responseType: MessageCodec<Uint8Array, Uint8Array>;
      readonly responseStream: Flag<M[K], "responseStream">;
      readonly options: { readonly idempotencyLevel?: string; readonly resumable?: boolean };
    };
  };
}

/**
 * Defines a service whose messages are bytes, for an encoding of your own: `Uint8Array` in, `Uint8Array` out.
 *
 * Bytes that you get are yours for as long as you keep them, and nobody changes them. They may be a view of the read they came with, up to 64 KiB, which
 * stays in memory as long as they do: to keep a small part, copy it (`Uint8Array.from`). Bytes that you give must not change until
 * the call has ended.
 * @param fullName - "package.Service"
 * @throws TypeError when a name cannot be one of gRPC's
 */
export function rawDefinition<const M extends RawMethods>(fullName: string, methods: M): RawDefinition<M> {
  const whole = Object.entries<RawMethod>(methods).map(([key, method]) => {
    const { name = key.charAt(0).toUpperCase() + key.slice(1), requestStream = false, responseStream = false } = method;
    const types = { requestType: AS_BYTES, requestStream, responseType: AS_BYTES, responseStream };
    const options = {
      ...(method.idempotent === true ? { idempotencyLevel: "IDEMPOTENT" } : {}),
      ...(method.resumable === true ? { resumable: true } : {}),
    };
    return [key, { name: checked(name, /^\w+$/, "a method"), ...types, options }] as const;
  });
  checked(fullName, /^\w+(\.\w+)*$/, "a service");
  const name = fullName.slice(fullName.lastIndexOf(".") + 1);
  return { name, fullName, methods: Object.fromEntries(whole) } as unknown as RawDefinition<M>;
}

function checked(name: string, pattern: RegExp, what: string): string {
  if (pattern.test(name)) return name;
  throw new TypeError(`"${name}" cannot be the name of ${what}: use letters, digits and _, as in "package.Service"`);
}

const AS_BYTES: MessageCodec<Uint8Array, Uint8Array> = {
  encode: (message) => ({ finish: () => message }),
  decode: (bytes) => bytes,
  fromPartial: (message) => {
    if (message instanceof Uint8Array) return message;
    throw new TypeError(`a message of a raw method is a Uint8Array, and not ${typeof message}`);
  },
};
