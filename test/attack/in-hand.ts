import type { ServiceDefinition } from "../../src/api/client";

/** Calls that a target has in hand. */
export interface InHand {
  readonly inFlight: number;
  readonly queued: number;
}

const asJson = {
  encode: (message: Partial<InHand>) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
  decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as InHand,
  fromPartial: (message: Partial<InHand>) => message,
};

/** How the worker under attack tells what it has in hand, as a director does by GetStats. */
export const InHandServiceDefinition = {
  name: "InHandService",
  fullName: "attack.InHandService",
  methods: {
    getStats: {
      name: "GetStats",
      requestType: asJson,
      requestStream: false,
      responseType: asJson,
      responseStream: false,
      options: {},
    },
  },
} as const satisfies ServiceDefinition;
