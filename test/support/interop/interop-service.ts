import { asBuffer } from "../../../src/wire/bytes";
import type { MessageCodec, MethodDefinition, ServiceDefinition } from "../../../src/rpc/service/service-definition";
import { interopContract } from "./contract";

type Name = Parameters<ReturnType<typeof interopContract>["definition"]>[0];

/** A service of the interop tests in the form that ts-proto generates, with the names of the contract: what typed clients are made of. */
export function interopService(fullName: Name): ServiceDefinition {
  const methods = Object.entries(interopContract().definition(fullName)).map(([name, method]) => {
    const definition: MethodDefinition = {
      name,
      requestType: codecOf(method.requestSerialize, method.requestDeserialize),
      requestStream: method.requestStream,
      responseType: codecOf(method.responseSerialize, method.responseDeserialize),
      responseStream: method.responseStream,
      options: {},
    };
    return [name, definition] as const;
  });
  const name = fullName.slice(fullName.lastIndexOf(".") + 1);
  return { name, fullName, methods: Object.fromEntries(methods) };
}

function codecOf<T>(serialize: (message: T) => Buffer, deserialize: (bytes: Buffer) => T): MessageCodec<T, T> {
  return {
    encode: (message) => ({ finish: () => serialize(message) }),
    decode: (bytes) => deserialize(asBuffer(bytes)),
    fromPartial: (message) => message,
  };
}
