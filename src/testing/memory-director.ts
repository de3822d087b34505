import { createPolicyRegistry } from "../balancing/policy-registry";
import type { BalancingPolicy } from "../balancing/picker";
import { Director, type DirectorConfig, type DirectorParts } from "../director/director";
import { membershipDefaults } from "../membership/membership-options";
import type { Store } from "../store/store";
import { openCapacity } from "../wire/capacity-stream";
import { DescriptorCatalog } from "../wire/descriptor-catalog";
import { CONTROL_SERVICES, heddleDescriptors } from "../wire/descriptor-contract";
import { KEEPALIVE_MS, type HostParts } from "./host-parts";

export const HEARTBEAT_MS = 1_000;

export interface DirectorOptions extends Partial<DirectorConfig> {
  /** Of one's own, besides ours. */
  readonly policies?: Readonly<Record<string, BalancingPolicy>>;
  readonly onServing?: DirectorParts["onServing"];
  readonly face?: DirectorParts["face"];
}

/** A director at `name`:61000, real but for its surroundings. */
export function memoryDirector(
  parts: HostParts & { readonly store: Store },
  name: string,
  { policies = {}, onServing, face, ...options }: DirectorOptions,
): Director {
  return new Director({
    clock: parts.host.clock,
    random: parts.random,
    logger: parts.logger,
    config: {
      directorId: name,
      clusterId: "test",
      address: `${name}:61000`,
      advertiseAddress: "",
      sessionTtlMs: 10_000,
      balancer: "round-robin",
      slowStartMs: 0,
      queueMax: 100,
      queueTimeoutMs: 5_000,
      attemptsMax: 3,
      resumeWindowMs: 30_000,
      retryBufferBytes: 65_536,
      retryMemoryBytes: 1 << 20,
      assignmentTtlMs: 30_000,
      drainTimeoutMs: 5_000,
      ...options,
    },
    version: "test",
    membership: membershipDefaults(HEARTBEAT_MS),
    registry: createPolicyRegistry({ extra: policies }),
    store: parts.store,
    server: parts.server,
    catalog: new DescriptorCatalog(heddleDescriptors(CONTROL_SERVICES)),
    connect: (address) => parts.connect(address, KEEPALIVE_MS),
    openCapacity,
    connectDirector: (address) => parts.connect(address, KEEPALIVE_MS),
    newId: () => parts.newId(),
    loopLagMs: () => 0,
    face,
    ...(onServing && { onServing }),
  });
}
