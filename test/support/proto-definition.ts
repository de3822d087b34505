import type { ServiceDefinition } from "../../src/rpc/service/service-definition";
import { loadProtoContract } from "../../src/wire/proto-contract";

/** The first service of a contract, for a client that has no generated code: all fields of its messages are there. */
export function protoDefinition(file: string): ServiceDefinition {
  const { services } = loadProtoContract({ files: [file], includeDirs: [] });
  const [service] = services;
  const methods = Object.entries(service!.definition).map(([name, method]) => {
    const codec = (decode: (bytes: Buffer) => unknown, encode: (message: never) => Buffer) => ({
      encode: (message: unknown) => ({ finish: () => encode(message as never) }),
      decode: (bytes: Uint8Array) => decode(Buffer.from(bytes)),
      fromPartial: (message: unknown) => message,
    });
    const { requestStream, responseStream } = method;
    return [
      name.charAt(0).toLowerCase() + name.slice(1),
      {
        name,
        requestStream,
        responseStream,
        requestType: codec(method.requestDeserialize, method.requestSerialize),
        responseType: codec(method.responseDeserialize, method.responseSerialize),
        options: { resumable: service!.methods.some(({ path, resumable }) => path === method.path && resumable) },
      },
    ] as const;
  });
  const { fullName } = service!;
  const name = fullName.slice(fullName.lastIndexOf(".") + 1);
  return { name, fullName, methods: Object.fromEntries(methods) };
}
