import { resolve } from "node:path";

import type { ServiceDefinition } from "@grpc/grpc-js";

import { loadProtoContract, type ProtoService } from "../../../src/wire/proto-contract";

const PROTO_DIR = resolve(__dirname, "../proto");

/** What an interop server serves: the cases' own service, and the load reports that two of them ask for. */
export const SERVED = ["grpc.testing.TestService", "xds.service.orca.v3.OpenRcaService"] as const;
export type Served = (typeof SERVED)[number];

export interface InteropContract {
  definition(service: Served | "grpc.testing.UnimplementedService"): ServiceDefinition;
  readonly served: readonly ProtoService[];
  /** FileDescriptorSet, for servers without reflection. */
  readonly descriptorSet: Uint8Array;
}

let loaded: InteropContract | undefined;

/** The contract of the official interop tests. */
export function interopContract(): InteropContract {
  loaded ??= load();
  return loaded;
}

function load(): InteropContract {
  const { services, descriptorSet } = loadProtoContract({
    files: ["grpc/testing/test.proto", "xds/service/orca/v3/orca.proto"].map((file) => resolve(PROTO_DIR, file)),
    includeDirs: [PROTO_DIR],
  });
  return {
    definition: (wanted) => services.find(({ fullName }) => fullName === wanted)!.definition,
    served: services.filter(({ fullName }) => SERVED.some((name) => name === fullName)),
    descriptorSet,
  };
}
