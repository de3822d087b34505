import { join } from "node:path";
import { DirectorServiceDefinition } from "../../generated/heddle/v1/director";
import { GrpcConnection } from "../../src/wire/grpc-connection";
import { channelCredentials } from "../../src/wire/tls";
import { fixedTls } from "../support/fixed-tls";
import { typedClient } from "../../src/rpc/service/typed-client";
import {
  CONTESTANTS,
  HEDDLE,
  isInstalled,
  startServer,
  type RunningProxy,
  type Stage,
} from "../bench/relay/contestants";
import { whenAnswering } from "../bench/relay/checking-client";
import { callShape } from "../bench/relay/echo-contract";
import { type InHand, InHandServiceDefinition } from "./in-hand";
import { Innocents } from "./innocents";

/** A worker's own port, without a director. */
export const WORKER = "worker";
/** Those that must stand: others are there for comparison. */
export const OURS: readonly TargetName[] = [HEDDLE, WORKER];

/** What is attacked, in the order of the report. */
export const TARGET_NAMES = [HEDDLE, WORKER, "node-http2", "nginx"] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

/** A server that runs, with innocent clients that use it. */
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
  const start = name === WORKER ? startWorker : CONTESTANTS.find((each) => each.name === name)!.start;
  const proxy = (await start(stage)) as Target["proxy"];
  await whenAnswering(name, proxy, { ...ROW, tls });
  const innocents = await Innocents.start(stage.processes, proxy.address, tls);
  if (!OURS.includes(name)) return { name, tls, proxy, innocents, inHand: undefined, close: () => {} };

  const connection = new GrpcConnection(proxy.address, {
    credentials: channelCredentials(fixedTls({ certFile: "", keyFile: "", caFile: stage.certificates?.caFile ?? "" })),
    keepaliveMs: 0,
    messageMaxBytes: 4 << 20,
    reconnectMaxMs: 1_000,
  });
  const client =
    name === WORKER
      ? typedClient(InHandServiceDefinition, connection)
      : typedClient(DirectorServiceDefinition, connection);
  return {
    name,
    tls,
    proxy,
    innocents,
    inHand: () => client.getStats({}, { timeoutMs: 1_000 }),
    close: () => connection.close(),
  };
}

function startWorker({ processes, cores, certificates }: Stage): Promise<RunningProxy> {
  const tls = certificates ? [certificates.certFile, certificates.keyFile] : [];
  return startServer(processes, cores.proxy, WORKER, [process.execPath, join(__dirname, "echo-worker.js"), ...tls]);
}
