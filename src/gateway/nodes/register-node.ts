import { FabricError } from "../../core/errors";
import { NO_RESOURCES, type Resources } from "../../core/member";
import { resourcesToWire } from "../../wire/member-codec";
import type { GatewayParts } from "../gateway-parts";
import { ASK_TIMEOUT_MS } from "./cluster-nodes";
import { nodeOfMember, type Node } from "./node";
import { API_TAG, reservedLabel, SERVICE_TAG, type SeedApi } from "./node-tags";

export interface NodeRegistration {
  readonly by: SeedApi;
  /** "" makes one of name and address. */
  readonly id: string;
  readonly name: string;
  /** host:port */
  readonly address: string;
  readonly role: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of gRPC services (`shop.v1.CartService`), for which calls will be routed to it, and others (`database`). */
  readonly services: readonly string[];
  readonly slots: number;
  readonly resources: Partial<Resources>;
  /** Whether a live node of this id at another address refuses it. */
  readonly keepAddress: boolean;
  readonly ownTags?: Readonly<Record<string, string>>;
}

export interface RegisteredNode {
  readonly node: Node;
  readonly created: boolean;
}

/**
 * Makes a node without an agent of ours a member, for as long as heartbeats come.
 * @throws FabricError INVALID_ARGUMENT, DUPLICATE_MEMBER, STORE_UNAVAILABLE
 */
export async function registerNode(
  { director, config }: Pick<GatewayParts, "director" | "config">,
  registration: NodeRegistration,
): Promise<RegisteredNode> {
  const { by, id, name, labels, services, ownTags = {}, resources, ...rest } = registration;
  const reserved = reservedLabel(labels);
  if (reserved !== "") {
    throw new FabricError("INVALID_ARGUMENT", `label "${reserved}": names that begin with "rest." are taken`);
  }
  const named = services.filter((service) => !isGrpcName(service)).map((service) => `${SERVICE_TAG}${service}`);
  const tags = new Map([
    ...Object.entries(labels),
    ...named.map((tag): [string, string] => [tag, "true"]),
    ...Object.entries(ownTags),
    [API_TAG, by] as [string, string],
  ]);
  const { nodeTimeoutMs } = config;
  const { member, created } = await director.registerMember(
    {
      ...rest,
      memberId: id,
      label: name,
      tags,
      resources: resourcesToWire({ ...NO_RESOURCES, ...resources }),
      services: services.filter(isGrpcName),
      ttlMs: suspectAfterMs(nodeTimeoutMs),
      deadAfterMs: nodeTimeoutMs,
    },
    { timeoutMs: ASK_TIMEOUT_MS },
  );
  return { node: nodeOfMember(member!, 0), created };
}

/** How often such a node should send a heartbeat: two of them may be lost but for a moment. */
export function heartbeatIntervalMs(nodeTimeoutMs: number): number {
  return nodeTimeoutMs / 2;
}

/** Half an interval late is nothing; then it gets no calls. */
function suspectAfterMs(nodeTimeoutMs: number): number {
  return Math.round((3 * nodeTimeoutMs) / 4);
}

function isGrpcName(service: string): boolean {
  return service.includes(".");
}
