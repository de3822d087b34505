import type { ServiceDefinition } from "../../../src/api/client";
import { ECHO_SERVICE } from "../relay/echo-contract";

/** Messages are the bytes that they are on the wire: a codec would cost all ends the same, and hide the difference. */
const asBytes = {
  encode: (message: Uint8Array) => ({ finish: () => message }),
  decode: (bytes: Uint8Array) => bytes,
  fromPartial: (message: Uint8Array) => message,
};
const method = { requestType: asBytes, requestStream: false, responseType: asBytes, options: {} } as const;

/** As the generator writes it, but for the codec. */
export const EchoServiceDefinition = {
  name: "EchoService",
  fullName: ECHO_SERVICE,
  methods: {
    echo: { ...method, name: "Echo", responseStream: false },
    echoMany: { ...method, name: "EchoMany", responseStream: true },
    chat: { ...method, name: "Chat", requestStream: true, responseStream: true },
  },
} as const satisfies ServiceDefinition;
