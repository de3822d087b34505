import type { Node } from "../nodes/node";
import { goWrapperNode } from "../go-wrapper/go-wrapper-node";
import { proxyStoneNode } from "../proxy-stone/proxy-stone-node";

/** Whose words `status` and `role` are in. */
export const VOCABULARIES = ["proxy-stone", "go-wrapper"] as const;
export type Vocabulary = (typeof VOCABULARIES)[number];

export interface UnionOptions {
  readonly clusterId: string;
  readonly nowUnixMs: number;
  /** Default: those of the API that the node was registered by, else Proxy Stone's. */
  readonly vocabulary?: Vocabulary | undefined;
}

/** A node with the fields of both APIs that have /api/cluster/nodes. */
export function unionNode(node: Node, { clusterId, nowUnixMs, vocabulary }: UnionOptions) {
  const one = proxyStoneNode(node, clusterId);
  const other = goWrapperNode(node, nowUnixMs);
  const words = vocabulary ?? (node.registeredBy === "go-wrapper" ? "go-wrapper" : "proxy-stone");
  const { status, role } = words === "go-wrapper" ? other : one;
  return { ...other, ...one, status, role };
}
