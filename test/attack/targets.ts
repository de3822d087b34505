import { DirectorServiceDefinition } from "../../generated/heddle/v1/director";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { channelCredentials } from "../../src/wire/tls";
import { fixedTls } from "../support/fixed-tls";
import { typedClient } from "../../src/rpc/service/typed-client";
import { CONTESTANTS, HEDDLE, isInstalled, type RunningProxy, type Stage } from "../bench/relay/contestants";
import { whenAnswering } from "../bench/relay/checking-client";
import { callShape } from "../bench/relay/echo-contract";
import { Innocents } from "./innocents";

/** What is attacked, in the order of the report. */
export const TARGET_NAMES = [HEDDLE, "node-http2", "nginx"] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

/** Calls that the director has in hand. */
export interface InHand {
  readonly inFlight: number;
  readonly queued: number;
}

/** A proxy that runs, with innocent clients that use it. */
export interface Target {
  readonly name: TargetName;
  readonly tls: boolean;
  readonly proxy: RunningProxy & { readonly pid: number };
  readonly innocents: Innocents;
  /** Undefined for those that count nothing. */
  readonly inHand: (() => Promise<InHand>) | undefined;
  close(): void;
}

const ROW = { name: "attack", title: "", connections: 1, streams: 1, shape: callShape(100) };

export function isPresent(name: TargetName): boolean {
  const tool = CONTESTANTS.find((each) => each.name === name)?.tool;
  return tool === undefined || isInstalled(tool);
}

export async function startTarget(stage: Stage, name: TargetName): Promise<Target> {
  const tls = stage.certificates !== undefined;
  const contestant = CONTESTANTS.find((each) => each.name === name)!;
  const proxy = (await contestant.start(stage)) as Target["proxy"];
  await whenAnswering(name, proxy, { ...ROW, tls });
  const innocents = await Innocents.start(stage.processes, proxy.address, tls);
  if (name !== HEDDLE) return { name, tls, proxy, innocents, inHand: undefined, close: () => {} };

  const connection = new GrpcConnection(proxy.address, {
    credentials: channelCredentials(fixedTls({ certFile: "", keyFile: "", caFile: stage.certificates?.caFile ?? "" })),
    keepaliveMs: 0,
    messageMaxBytes: 4 << 20,
    reconnectMaxMs: 1_000,
  });
  const client = typedClient(DirectorServiceDefinition, connection);
  return {
    name,
    tls,
    proxy,
    innocents,
    inHand: () => client.getStats({}, { timeoutMs: 1_000 }),
    close: () => connection.close(),
  };
}
